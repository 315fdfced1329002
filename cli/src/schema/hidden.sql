-- What is none of a schema's business: how each query of it begins. $1 is the history table; an empty text where there is none.
WITH RECURSIVE hidden (classid, objid) AS (
  -- What an extension brings along follows from its version.
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
  UNION
  SELECT 'pg_class'::regclass::oid, to_regclass(nullif($1::text, ''))::oid
  WHERE to_regclass(nullif($1::text, '')) IS NOT NULL
  UNION
  SELECT d.classid, d.objid FROM pg_depend d JOIN hidden h ON d.refclassid = h.classid AND d.refobjid = h.objid
  WHERE d.deptype IN ('a', 'i')
)
