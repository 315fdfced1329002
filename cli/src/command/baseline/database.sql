-- What belongs to the database itself, as statements around its name (before, after); for a setting, that in place of what is after.
SELECT before, after, setting FROM (
  SELECT 1 AS rank, CASE WHEN s.setrole = 0 THEN 'ALTER DATABASE '
      ELSE 'ALTER ROLE ' || CASE WHEN r.rolname = current_user THEN 'CURRENT_USER' ELSE quote_ident(r.rolname) END || ' IN DATABASE ' END,
    '', setting
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole,
    unnest(s.setconfig) setting
  WHERE d.datname = current_database()
  UNION ALL
  SELECT 2, 'COMMENT ON DATABASE ', ' IS ' || quote_literal(shobj_description(oid, 'pg_database')), NULL
  FROM pg_database WHERE datname = current_database() AND shobj_description(oid, 'pg_database') IS NOT NULL
  UNION ALL
  SELECT CASE word WHEN 'REVOKE' THEN 3 ELSE 4 END, word || ' ' || privilege_type || ' ON DATABASE ',
    CASE word WHEN 'REVOKE' THEN ' FROM ' ELSE ' TO ' END
      || CASE WHEN grantee = 0 THEN 'PUBLIC' WHEN pg_get_userbyid(grantee) = current_user THEN 'CURRENT_USER'
        ELSE quote_ident(pg_get_userbyid(grantee)) END
      || CASE WHEN is_grantable AND word = 'GRANT' THEN ' WITH GRANT OPTION' ELSE '' END, NULL
  FROM (
    SELECT 'GRANT' AS word, g.* FROM (
      SELECT (aclexplode(datacl)).* FROM pg_database WHERE datname = current_database()
      EXCEPT SELECT (aclexplode(acldefault('d', datdba))).* FROM pg_database WHERE datname = current_database()) g
    UNION ALL
    SELECT 'REVOKE', g.* FROM (
      SELECT (aclexplode(acldefault('d', datdba))).* FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL
      EXCEPT SELECT (aclexplode(datacl)).* FROM pg_database WHERE datname = current_database()) g
  ) changed
) statements (rank, before, after, setting)
ORDER BY rank, before COLLATE "C", after COLLATE "C", setting COLLATE "C"
