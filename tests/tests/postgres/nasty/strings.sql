-- Strings of every kind, with semicolons, quotes and what would begin something else outside of them.
SELECT ';', '''', ''';''', '--;', '/* ; ', '*/', '$$', '$a$;', '\', '\\', 'a\', '";"';
SELECT E'\';', E'\\', E'\\\';\'', e'a''b;', E'\x3b\073\u003b\U0000003b', E'
;\
', E'\;', E'--\'/*\'$$';
SELECT U&';\003b\+00003b', u&'d!0061t;!+000061' UESCAPE '!', U&'''\0027;' , U&'a;003b;;' /* ; */ UESCAPE -- ;
';';
SELECT B'01', b'', X'1fA', x'', N';n''', n'\';
SELECT 'a;'
';b'
    -- between ;
  ';c''', E'a\''
'b\';' , 'd'  -- ;

';e', U&'\0061;'
'\0062;', b'1'
'0', x'1'
-- ' ;
'f';
SELECT E'a\'' -- a comment with a quote ' and ;
    
    '\';b';
SELECT 'no continuation' AS ";", E'no continuation\'' AS ";;";
SELECT text';a', text E'\';', date'2020-01-01', bit'1', time(0)'12:00';
CREATE TABLE strings (a text DEFAULT E'\';', b text DEFAULT ';', c text DEFAULT U&'\003b', CHECK (a <> ');' AND b <> '('));
INSERT INTO strings DEFAULT VALUES;
INSERT INTO strings VALUES ('(', '))', ';('), (E'\'(', E'\\', ''), ('[', ']', '{');
SELECT * FROM strings;
COMMENT ON TABLE strings IS 'a; b''; -- c';
COMMENT ON COLUMN strings.a IS E'a\'; b';
