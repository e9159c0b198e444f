package integration

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit/integration/gormapp"
	"github.com/pgsplit/pgsplit/integration/sqlxapp"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// Both libraries share a handle among many goroutines, as web servers do. Under read_your_writes=strict each write is seen
// by the read that follows on whichever pooled connection.
func TestManyGoroutinesReadWhatTheyWrote(t *testing.T) {
	const goroutines, rounds = 8, 20

	cluster.emptySchema(t)
	cluster.takeLogs(t)
	handle, err := sqlx.ConnectContext(t.Context(), "pgsplit", split("read_your_writes", "strict", "wait", "15s"))
	require.NoError(t, err)
	defer func() { require.NoError(t, handle.Close()) }()
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: handle.DB}), gormapp.Config())
	require.NoError(t, err)
	require.NoError(t, db.WithContext(t.Context()).AutoMigrate(gormapp.Models()...))
	knowTables(t, handle.DB)
	author := gormapp.User{Name: "ada"}
	require.NoError(t, db.WithContext(t.Context()).Create(&author).Error)

	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range rounds {
				// Written through GORM, read through sqlx.
				story := gormapp.Story{AuthorID: author.ID, Title: fmt.Sprintf("story %d of %d", i, g), Tags: []gormapp.Tag{{Name: fmt.Sprintf("tag %d-%d", g, i)}}}
				if !assert.NoError(t, db.WithContext(t.Context()).Create(&story).Error) {
					return
				}
				var title string
				assert.NoError(t, handle.GetContext(t.Context(), &title, "SELECT title FROM stories WHERE id = $1", story.ID))
				assert.Equal(t, story.Title, title)

				// Written through sqlx, read through GORM.
				comment := sqlxapp.Comment{StoryID: story.ID, AuthorID: author.ID, Body: title, CreatedAt: time.Unix(0, 0)}
				_, err := handle.NamedExecContext(t.Context(),
					"INSERT INTO comments (story_id, author_id, body, created_at) VALUES (:story_id, :author_id, :body, :created_at)", comment)
				assert.NoError(t, err)
				var read gormapp.Story
				assert.NoError(t, db.WithContext(t.Context()).Preload("Comments").Preload("Tags").First(&read, story.ID).Error)
				if assert.Len(t, read.Comments, 1) && assert.Len(t, read.Tags, 1) {
					assert.Equal(t, title, read.Comments[0].Body)
				}
			}
		})
	}
	wg.Wait()

	// Five reads a round: the story's title, the story, its comments, the links to its tags, the tags.
	ran := cluster.takeLogs(t)
	reads := map[string]int{}
	for _, e := range ran {
		if mayRunAnywhere(e.Text) {
			reads[e.Server]++
		}
	}
	t.Logf("reads: %v", reads)
	replicaReads := 0
	for _, r := range cluster.Replicas {
		assert.NotZero(t, reads[r.Name], "reads on %s", r.Name)
		replicaReads += reads[r.Name]
	}
	assert.GreaterOrEqual(t, replicaReads, goroutines*rounds*5)
}
