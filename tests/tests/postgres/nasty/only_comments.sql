-- Only comments; nothing; at all;
/* ; /* ; */ ; */

--
/**/ -- ;
