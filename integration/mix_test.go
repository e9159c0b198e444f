package integration

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/integration/gormapp"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var mixFor = flag.Duration("mix", 3*time.Second, "run the ordinary mix of GORM's for so `long`")

// mixture is what the site's users do all day, each by its weight. Stories have the ids from 1 to 50, users those to 20.
var mixture = []struct {
	weight int
	do     func(ctx context.Context, db *gorm.DB) error
}{
	{10, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).PublishedStories(ctx)) }},
	{10, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).Trending(ctx)) }},
	{10, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).User(ctx, someUser())) }},
	{10, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).UserStats(ctx, someUser())) }},
	{10, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).Search(ctx, "a", "", 0)) }},
	{10, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).Feed(ctx, someUser())) }},
	{10, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).Comments(ctx, someStory())) }},
	{4, func(ctx context.Context, db *gorm.DB) error { return last(gormapp.New(db).CountView(ctx, someStory())) }},
	{2, func(ctx context.Context, db *gorm.DB) error {
		return gormapp.New(db).Publish(ctx, someStory(), time.Now())
	}},
	{3, func(ctx context.Context, db *gorm.DB) error { // with an association, in GORM's own transaction
		return db.WithContext(ctx).Create(&gormapp.Story{AuthorID: someUser(), Title: title(), Tags: []gormapp.Tag{{Name: title()}}}).Error
	}},
	{3, func(ctx context.Context, db *gorm.DB) error { // a hook that writes
		return db.WithContext(ctx).Create(&gormapp.Comment{StoryID: someStory(), AuthorID: someUser(), Body: "well"}).Error
	}},
	{2, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Model(&gormapp.User{ID: someUser()}).Association("Following").Append(&gormapp.User{ID: someUser()})
	}},
	{2, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Model(&gormapp.User{ID: someUser()}).Updates(gormapp.User{Bio: title()}).Error
	}},
	{2, func(ctx context.Context, db *gorm.DB) error {
		err := db.WithContext(ctx).Where(gormapp.Tag{Name: fmt.Sprint("tag ", rand.IntN(20))}).FirstOrCreate(&gormapp.Tag{}).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) { // somebody was faster
			return nil
		}
		return err
	}},
	{2, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&gormapp.Tag{Name: fmt.Sprint("tag ", rand.IntN(20))}).Error
	}},
	{2, func(ctx context.Context, db *gorm.DB) error { // a transaction with a savepoint that is rolled back
		return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			tx.Transaction(func(tx *gorm.DB) error { tx.Create(&gormapp.Tag{Name: title()}); return context.Canceled })
			return tx.Model(&gormapp.Story{}).Where("id = ?", someStory()).UpdateColumn("view_count", gorm.Expr("view_count + 1")).Error
		})
	}},
	{2, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			return tx.Raw("select pg_advisory_xact_lock(?)", someStory()).Scan(new(string)).Error
		})
	}},
	{2, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			if err := tx.Exec("set local statement_timeout = '30s'").Error; err != nil {
				return err
			}
			return tx.Find(&[]gormapp.Tag{}).Error
		})
	}},
	{2, func(ctx context.Context, db *gorm.DB) error { // the connection of a Connection is given back as it was
		return db.WithContext(ctx).Connection(func(db *gorm.DB) error { return db.Find(&gormapp.User{}, someUser()).Error })
	}},
	{2, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Model(&gormapp.Story{}).FindInBatches(&[]gormapp.Story{}, 20, func(*gorm.DB, int) error { return nil }).Error
	}},
	{1, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Where("id > ? and id % 7 = ?", 50, rand.IntN(7)).Delete(&gormapp.Story{}).Error
	}},
	{1, func(ctx context.Context, db *gorm.DB) error {
		return db.WithContext(ctx).Raw("select count(*), now(), version() from users where name like ?", "user%").Scan(&map[string]any{}).Error
	}},
}

func last[T any](_ T, err error) error { return err }

func someUser() int64  { return 1 + rand.Int64N(20) }
func someStory() int64 { return 1 + rand.Int64N(50) }

var titles atomic.Int64

func title() string { return fmt.Sprint("title ", titles.Add(1)) }

// pinWatch sees how long server connections are tied to driver connections.
type pinWatch struct {
	looked  time.Time     // the last time
	since   time.Time     // some are; zero: none
	longest time.Duration // without a pause
	reasons map[pgsplit.PinReason]int
}

func (w *pinWatch) look(db *sql.DB) (pinned int) {
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		pinned += s.Pinned
		for r, n := range s.PinnedBy {
			w.reasons[r] += n
		}
	}
	now := time.Now()
	if gap := now.Sub(w.looked); gap > 100*time.Millisecond && !w.since.IsZero() {
		w.since = w.since.Add(gap) // the machine stood still: nobody knows what there was in between
	}
	w.looked = now
	switch {
	case pinned == 0:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = now
	default:
		w.longest = max(w.longest, now.Sub(w.since))
	}
	return pinned
}

// Otherwise every connection would end up as the one of a single driver connection, and nothing would be shared any more.
func TestAnOrdinaryMixTiesNoConnectionToADriverConnection(t *testing.T) {
	const moment = 2 * time.Second // after the migration, until the new tables are known
	cluster.emptySchema(t)
	db, err := sql.Open("pgsplit", split("read_your_writes", "on"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	plainGorm, err := gorm.Open(postgres.New(postgres.Config{Conn: db}), gormapp.Config())
	require.NoError(t, err)
	handles := []*gorm.DB{plainGorm, plainGorm.Session(&gorm.Session{PrepareStmt: true}), plainGorm.Session(&gorm.Session{SkipDefaultTransaction: true})}
	require.NoError(t, plainGorm.AutoMigrate(gormapp.Models()...))
	for i := range 20 {
		require.NoError(t, plainGorm.Create(&gormapp.User{Name: fmt.Sprint("user ", i)}).Error)
	}
	for range 50 {
		require.NoError(t, plainGorm.Create(&gormapp.Story{AuthorID: someUser(), Title: title()}).Error)
	}

	var all []int
	for i, m := range mixture {
		for range m.weight {
			all = append(all, i)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), max(*mixFor, time.Minute))
	defer cancel()
	var done atomic.Int64
	ran := make([]atomic.Int64, len(mixture))
	everything := func() bool {
		for i := range ran {
			if ran[i].Load() == 0 {
				return false
			}
		}
		return true
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				i := all[rand.IntN(len(all))]
				err := mixture[i].do(context.WithoutCancel(ctx), handles[rand.IntN(len(handles))])
				if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == "40P01" {
					continue // two users who follow each other, say
				}
				if assert.NoError(t, err, i) {
					done.Add(1)
					ran[i].Add(1)
				}
			}
		})
	}
	watch := pinWatch{reasons: map[pgsplit.PinReason]int{}}
	looks := 0
	for begin := time.Now(); ctx.Err() == nil && !t.Failed() && (time.Since(begin) < *mixFor || !everything()); looks++ {
		watch.look(db)
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	wg.Wait()
	t.Logf("%d operations, looked %d times; pinned for %v at most, by %v", done.Load(), looks, watch.longest, watch.reasons)
	assert.Zero(t, watch.look(db), "at the end: %v", watch.reasons)
	assert.Less(t, watch.longest, moment)
	for i := range ran {
		assert.NotZero(t, ran[i].Load(), "operation %d of the mixture", i)
	}
	replicaReads, routed := int64(0), map[string]map[pgsplit.Reason]int64{}
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		replicaReads += s.Routed[pgsplit.ReasonReplica]
		routed[s.Name] = s.Routed
	}
	assert.NotZero(t, replicaReads, "%v", routed)
}
