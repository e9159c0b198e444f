// Package integration proves on a real cluster that applications written for sqlx and for GORM run on pgsplit with
// nothing changed but driver name and DSN.
//
// Each application (packages sqlxapp and gormapp) is a list of steps. The tests run it once on plain pgx against the
// primary and once on pgsplit over the whole cluster, on equally empty databases, and compare step by step: the results,
// the errors down to the fields of the PostgreSQL error, and the statements that the servers themselves have logged. Every
// statement that pgx executed must have been executed by pgsplit, with the same text and the same parameters, as often,
// and on the server that the step names; and no other statement.
package integration
