set x = 1;
\restrict abc
