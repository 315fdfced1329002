-- Every character of ASCII in literals of every kind, and much of everything.
SELECT '	
 !"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~';
SELECT 1 AS "	
 !""#$%&'()*+,-./01", 2 AS "23456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abc", 3 AS "defghijklmnopqrstuvwxyz{|}~";
SELECT E'	
 !"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~';
SELECT $a$	
 !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~$a$;
/*	
 !"#$%&'()+,-.0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~*/ SELECT 1 -- 	 !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~
;
/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/* ; */*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/ SELECT 2;
SELECT ((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))));
SELECT 1
  -- ;
 + /* ; */ 0
  -- ;
 + /* ; */ 1
  -- ;
 + /* ; */ 2
  -- ;
 + /* ; */ 3
  -- ;
 + /* ; */ 4
  -- ;
 + /* ; */ 5
  -- ;
 + /* ; */ 6
  -- ;
 + /* ; */ 7
  -- ;
 + /* ; */ 8
  -- ;
 + /* ; */ 9
  -- ;
 + /* ; */ 10
  -- ;
 + /* ; */ 11
  -- ;
 + /* ; */ 12
  -- ;
 + /* ; */ 13
  -- ;
 + /* ; */ 14
  -- ;
 + /* ; */ 15
  -- ;
 + /* ; */ 16
  -- ;
 + /* ; */ 17
  -- ;
 + /* ; */ 18
  -- ;
 + /* ; */ 19;
