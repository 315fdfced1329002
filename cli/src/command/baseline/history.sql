-- Rights on the history table that others than its owner have, as rows (privileges, to whom). $1 is the table; an empty text where
-- there is none.
SELECT CASE WHEN count(*) = (SELECT count(*) FROM aclexplode(acldefault('r', min(c.relowner)))) THEN 'ALL'
    ELSE string_agg(i.privilege_type, ', ' ORDER BY i.privilege_type COLLATE "C") END,
  g.grantee || CASE WHEN i.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_class c CROSS JOIN aclexplode(c.relacl) i
CROSS JOIN LATERAL (SELECT CASE WHEN i.grantee = 0 THEN 'PUBLIC' WHEN pg_get_userbyid(i.grantee) = current_user THEN 'CURRENT_USER'
  ELSE quote_ident(pg_get_userbyid(i.grantee)) END) g (grantee)
WHERE c.oid = to_regclass(nullif($1::text, '')) AND i.grantee <> c.relowner
GROUP BY g.grantee, i.is_grantable
ORDER BY g.grantee COLLATE "C", i.is_grantable
