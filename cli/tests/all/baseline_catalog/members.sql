create role n_a; create role n_b; create role n_c noinherit; grant n_a to n_b with inherit false;
grant n_a to n_c with inherit true, set false; grant n_b to n_c with admin option, inherit false;
grant select on t to n_a; grant insert on t to n_c; 
