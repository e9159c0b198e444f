module github.com/pgsplit/pgsplit/sqlxbind

go 1.26.8

require github.com/jmoiron/sqlx v1.4.0
