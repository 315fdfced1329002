-- Memberships that the migrations have made, as rows (role, member, both as SQL has them, options). $1 are the roles that the baseline
-- names, $2 those of them that were made since: a membership of two others is none of the migrations' making.
SELECT r.rolname::text, m.rolname::text, quote_ident(r.rolname),
  CASE WHEN m.rolname = current_user THEN 'CURRENT_USER' ELSE quote_ident(m.rolname) END,
  concat_ws(', ', CASE WHEN bool_or(a.admin_option) THEN 'ADMIN OPTION' END,
    -- What PostgreSQL has since 16, where it is not what a plain GRANT gives.
    CASE WHEN bool_or(o.inherits) <> m.rolinherit THEN 'INHERIT ' || upper(bool_or(o.inherits)::text) END,
    CASE WHEN NOT bool_or(o.sets) THEN 'SET FALSE' END)
FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
CROSS JOIN LATERAL (SELECT (to_jsonb(a) ->> 'inherit_option')::bool, (to_jsonb(a) ->> 'set_option')::bool) o (inherits, sets)
WHERE m.rolname = ANY ($2::text[]) AND (r.rolname = ANY ($1::text[]) OR r.rolname ~ '^pg_')
  OR r.rolname = ANY ($2::text[]) AND m.rolname = ANY ($1::text[])
  -- Who makes a role without being a superuser has this of it anyhow, since 16.
  OR r.rolname = ANY ($2::text[]) AND m.rolname = current_user AND coalesce(o.inherits OR o.sets, true)
GROUP BY r.rolname, m.rolname, m.rolinherit
ORDER BY r.rolname COLLATE "C", m.rolname COLLATE "C"
