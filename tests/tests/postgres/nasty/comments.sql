-- Comments at every place between two tokens, nested, and with everything in them that must not count.
/* one ; */ CREATE /* ; */ TABLE -- ;
/**/ comments /* ' */ ( /* " */ a /* $$ */ int /* -- */ , -- '
b /* /* ; */ ; */ text /* /*/**/*/ */ DEFAULT -- $$
/***/ ';' /* */ ) /* ( */ ; -- )
/* /* a */ /* b /* c */ */ */ INSERT/**/INTO--
comments/*;*/VALUES/*;*/(/*;*/1/*;*/,/*;*/'a'/*;*/)/*;*/,--;
(--;
2--;
,--;
$$b$$--;
)--;
;--;
/**/SELECT/**/a/**/,/**/b/**/FROM/**/comments/**/ORDER/**/BY/**/a/**/;/**/
/*/ ; /*/ ; /**/ */ */ SELECT 1/*/*/*/**/*/*/*/+/**/1;
SELECT 1 -- no newline but a carriage return ends it is not written here ;
;
SELECT /* */ -- /*
1 /* -- */ + /* '
*/ 2; /* ; -- */ -- /* ; */
SELECT 'a' /* ; */ AS /* ; */ "b" -- c ;
;
CREATE/**/FUNCTION/**/comments()/**/RETURNS/**/int/**/BEGIN/**/ATOMIC/**/SELECT/**/1/**/;/**/SELECT/**/CASE/**/WHEN/**/true/**/THEN/**/2/**/END/**/;/**/END/**/;/**/SELECT/**/comments/**/(/**/)/**/;
CREATE -- ;
FUNCTION -- ;
comments2() -- ;
RETURNS int -- ;
BEGIN -- ;
ATOMIC -- end;
SELECT 1 -- ;
; -- end;
/* end; */ END -- ;
; -- ;
SELECT comments2() -- ;
/* the end ; */
