-- Rules with several commands in parentheses, between which semicolons stand.
CREATE TABLE rules (id int, note text);
CREATE TABLE rules_log (id int, note text, at int DEFAULT 0);
CREATE RULE rules_one AS ON INSERT TO rules DO ALSO INSERT INTO rules_log VALUES (NEW.id, ';');
CREATE RULE rules_several AS ON UPDATE TO rules WHERE OLD.note <> ';'
    DO ALSO (INSERT INTO rules_log VALUES (OLD.id, ');'); INSERT INTO rules_log VALUES (NEW.id, CASE WHEN NEW.note = '(' THEN ';' END););
CREATE RULE rules_nested AS ON DELETE TO rules DO (
    ; INSERT INTO rules_log SELECT OLD.id, n FROM (SELECT (';') AS n) AS s; ;
    DELETE FROM rules_log WHERE id IN (SELECT (OLD.id + (1)));
    NOTIFY rules_channel, 'a;b'
);
CREATE RULE rules_nothing AS ON DELETE TO rules_log DO INSTEAD NOTHING;
CREATE OR REPLACE RULE rules_nothing AS ON DELETE TO rules_log WHERE OLD.id < 0 DO INSTEAD (SELECT 1;SELECT 2);
INSERT INTO rules VALUES (1, 'a'), (2, '(');
UPDATE rules SET note = '(' WHERE id = 1;
DELETE FROM rules WHERE id = 2;
SELECT * FROM rules_log ORDER BY id, note;
ALTER RULE rules_one ON rules RENAME TO "rules;one";
DROP RULE "rules;one" ON rules;
