=== replica
select 'it''s', 'a\b', 'C:\dir', e'a\'b', E'\\', e'\'\'' , n'x', b'01', x'ff', X'Ff', B'', u&'\0061', U&'d!0061' uescape '!'
select * from users where name like 'a\_b' escape '\' order by id
select name from users where name = 'back\slash' order by id
select $$a$$, $tag$a $$ b$tag$, $ä$x$ä$, $_1$x$_1$, $$it's; delete from users$$
select $a$ $b$ $a$, 'x'
select 1.5, .5, 1., 1e5, 1E-5, 1.5e+10, 0.1e1
select 1/*c*/+/**/2
select 1/**/+/*/*x*/*/2
select 1--x
select/**/1
select 1 - -1, 1 -1, 1+-1, 1*-1, 2*- 3
select "a" from (select 1 as "a") t where "a" = 1
select a$b from (select 1 as a$b) t
select été from (select 1 as été) t
select 'üñï', '日本', '😀'
select '*/', '/*', '--', '"', ';', '$$', 'a'';b'
select "x;y", "x--y", "x/*y", "x'y" from (select 1 as "x;y", 2 as "x--y", 3 as "x/*y", 4 as "x'y") t
select 1; -- done
select 1 /* ; select 2 */ ;
select 2 *-1, 4 /-2, array[1]||2
select '1'::text||'2', 1::int4+1
select id from users where id=any('{1,2}') order by id
--- replica
select 'a'
  'b', e'c'
'd\'e', 'f' -- comment
   'g'
--- replica
-- first line
/* second
   line */ select
	1
--- replica
select 1 -- select 2; delete from users
--- replica
select $body$
insert into users values (1);
$body$
--- primary check
select 'a' 'b
--- replica
select e'a'
'b\'; delete from users; --'
--- primary check
select 'a\'; delete from users; --'
=== primary check
select 'unterminated
select "unterminated
select $$unterminated
select $a$unterminated$b$
select /* unterminated
select /* /* */ 1
select e'unterminated\'
select 1 2from users for update
select 1from users
select $1x
select {d '2020-01-01'}
select 1 \ 2
select 'a\' || 'b'; delete from users where name = '\'
select 'a\'' ; delete from users; -- '
select '\'; drop table users; --'
select $x
select (1
select 1)
select [1
select (1]
select f(1;2)
select 3 @-1
"select" 1
'select' 1
1
$1
; delete from tree where false
select 1; delete from tree where false
/* c */ ; -- d
=== replica check
select * from users where id = $1 and name = $2 or id = any($3::bigint[])
select $1::int, $2::text, $1 + $2, coalesce($3, $4)
select * from users limit $1 offset $2
select * from users where name ilike '%' || $1 || '%' order by $2
select 0x1F, 0o17, 0b101, 0xAB_CD, 1_000, 1_0.0_1e1_0
