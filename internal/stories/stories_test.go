package stories_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/pgsplit/pgsplit/internal/stories"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// dsn is the server's that all tests use, one after the other.
var dsn string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	cluster, err := pgsplittest.Run(context.Background(), pgsplittest.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cluster.Close()
	dsn = cluster.DSN()
	return m.Run()
}

// seeded returns a site with the rows of stories.Small and nothing else.
func seeded(t *testing.T) (*stories.Site, *sql.DB) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	site := stories.New(db)
	must(t, site.Drop(t.Context()))
	must(t, site.Create(t.Context()))
	must(t, site.Seed(t.Context(), stories.Small))
	return site, db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newestFirst(a, b stories.Story) int { return b.PublishedAt.Compare(a.PublishedAt) }

func TestEveryOperationRunsOnASeededSite(t *testing.T) {
	site, _ := seeded(t)
	visit := stories.Visit{User: 3, Author: 8, Story: 1, Text: "garden"}
	for _, op := range stories.Operations {
		outcome, err := op.Run(t.Context(), site, visit)
		if err != nil {
			t.Errorf("%s: %v", op.Name, err)
		}
		if outcome == "" || strings.HasPrefix(outcome, "0 ") || outcome == `""` {
			t.Errorf("%s found nothing: %q", op.Name, outcome)
		}
	}
}

func TestSeedingTwiceWritesTheSameRows(t *testing.T) {
	const fingerprint = `
		SELECT md5(string_agg(row, '|' ORDER BY row)) FROM (
			SELECT id || name || bio || avatar AS row FROM users UNION ALL
			SELECT id || title || body || genre || author_id || published || view_count FROM stories UNION ALL
			SELECT story_id || ',' || tag_id FROM story_tags UNION ALL
			SELECT id || body || story_id || ',' || author_id FROM comments UNION ALL
			SELECT follower_id || ',' || followed_id FROM follows) AS rows`
	var prints [2]string
	for i := range prints {
		_, db := seeded(t)
		must(t, db.QueryRow(fingerprint).Scan(&prints[i]))
	}
	if prints[0] != prints[1] {
		t.Error("the second site differs from the first")
	}
}

func TestPublishedIsTheFrontPage(t *testing.T) {
	site, _ := seeded(t)
	list, err := site.Published(t.Context())
	must(t, err)
	if len(list) != 50 || !slices.IsSortedFunc(list, newestFirst) {
		t.Errorf("%d stories, newest first: %v", len(list), slices.IsSortedFunc(list, newestFirst))
	}
	for _, s := range list {
		if !s.Published || s.Author == "" || len(s.Tags) == 0 || !slices.IsSorted(s.Tags) {
			t.Errorf("story %+v", s)
		}
	}
}

func TestTrendingFollowsTheViews(t *testing.T) {
	site, _ := seeded(t)
	list, err := site.Trending(t.Context())
	must(t, err)
	if len(list) != 10 {
		t.Fatalf("%d stories, want 10", len(list))
	}
	first, second := list[0], list[1]
	for range first.Views - second.Views + 1 {
		must(t, site.CountView(t.Context(), second.ID))
	}
	list, err = site.Trending(t.Context())
	must(t, err)
	if list[0].ID != second.ID || list[0].Views != first.Views+1 {
		t.Errorf("first is %+v, want story %d", list[0], second.ID)
	}
}

func TestDraftIsItsAuthorsUntilItIsPublished(t *testing.T) {
	site, _ := seeded(t)
	ctx := t.Context()
	id, err := site.Write(ctx, stories.Draft{AuthorID: 7, Title: "Zenith", Body: "High noon.", Genre: "horror"})
	must(t, err)
	if id != stories.Small.Stories+1 {
		t.Errorf("number %d, want the one after the seeded stories", id)
	}
	found := func() (n int) {
		list, err := site.Search(ctx, stories.Search{Title: "zenith"})
		must(t, err)
		return len(list)
	}

	story, err := site.Story(ctx, id)
	must(t, err)
	if story.Body != "High noon." || story.AuthorID != 7 || story.Published || !story.PublishedAt.IsZero() {
		t.Errorf("the author sees %+v", story)
	}
	if n := found(); n != 0 {
		t.Errorf("a search finds the draft")
	}

	must(t, site.Publish(ctx, id))
	published, err := site.Story(ctx, id)
	must(t, err)
	if !published.Published || published.PublishedAt.IsZero() || found() != 1 {
		t.Errorf("after Publish: %+v, found %d times", published, found())
	}

	must(t, site.Publish(ctx, id))
	again, err := site.Story(ctx, id)
	must(t, err)
	if !again.PublishedAt.Equal(published.PublishedAt) {
		t.Error("publishing twice changed the date")
	}
}

func TestSearchNarrows(t *testing.T) {
	site, _ := seeded(t)
	search := func(q stories.Search) []stories.Story {
		t.Helper()
		list, err := site.Search(t.Context(), q)
		must(t, err)
		if !slices.IsSortedFunc(list, newestFirst) {
			t.Errorf("%+v: not newest first", q)
		}
		return list
	}
	if n := len(search(stories.Search{})); n != 100 {
		t.Errorf("no condition: %d stories, want the limit of 100", n)
	}
	list := search(stories.Search{Title: "gARDen", Genre: "fantasy", AuthorID: 8})
	if len(list) == 0 {
		t.Error("nothing found")
	}
	for _, s := range list {
		if !strings.Contains(s.Title, "Garden") || s.Genre != "fantasy" || s.AuthorID != 8 || s.Author == "" {
			t.Errorf("found %+v", s)
		}
	}
	for _, pattern := range []string{"%", "_", `\`, "Garden%1"} {
		if n := len(search(stories.Search{Title: pattern})); n != 0 {
			t.Errorf("%q is taken for a pattern: %d stories", pattern, n)
		}
	}
}

func TestFeedShowsWhomTheUserFollows(t *testing.T) {
	site, db := seeded(t)
	ctx := t.Context()
	var newcomer int64
	must(t, db.QueryRow(`INSERT INTO users (name) VALUES ('Newcomer') RETURNING id`).Scan(&newcomer))
	list, err := site.Feed(ctx, newcomer)
	must(t, err)
	if len(list) != 0 {
		t.Errorf("%d stories for a user who follows nobody", len(list))
	}

	before, err := site.Statistics(ctx, 8)
	must(t, err)
	must(t, site.Follow(ctx, newcomer, 8))
	must(t, site.Follow(ctx, newcomer, 8))
	after, err := site.Statistics(ctx, 8)
	must(t, err)
	if after.Followers != before.Followers+1 {
		t.Errorf("followers went from %d to %d", before.Followers, after.Followers)
	}

	list, err = site.Feed(ctx, newcomer)
	must(t, err)
	if len(list) == 0 || int64(len(list)) > after.Stories || !slices.IsSortedFunc(list, newestFirst) {
		t.Errorf("%d stories of an author who wrote %d", len(list), after.Stories)
	}
	for _, s := range list {
		if s.AuthorID != 8 || !s.Published {
			t.Errorf("in the feed: %+v", s)
		}
	}
}

func TestCommentsComeOldestFirst(t *testing.T) {
	site, _ := seeded(t)
	ctx := t.Context()
	before, err := site.Comments(ctx, 1)
	must(t, err)
	id, err := site.Comment(ctx, 1, 8, "The last word.")
	must(t, err)
	after, err := site.Comments(ctx, 1)
	must(t, err)
	if len(before) == 0 || len(after) != len(before)+1 || !slices.Equal(after[:len(before)], before) {
		t.Fatalf("%d comments, then %d", len(before), len(after))
	}
	if last := after[len(before)]; last.ID != id || last.Body != "The last word." || last.Author == "" {
		t.Errorf("last comment %+v", last)
	}
}

func TestProfileShowsItsUpdate(t *testing.T) {
	site, _ := seeded(t)
	must(t, site.UpdateProfile(t.Context(), 5, "New bio.", "new.png"))
	u, err := site.User(t.Context(), 5)
	must(t, err)
	if u.ID != 5 || u.Name == "" || u.Bio != "New bio." || u.Avatar != "new.png" {
		t.Errorf("%+v", u)
	}
}

func TestWhatIsNotThereIsErrNoRows(t *testing.T) {
	site, _ := seeded(t)
	ctx := t.Context()
	const nobody = 1 << 40
	_, story := site.Story(ctx, nobody)
	_, user := site.User(ctx, nobody)
	for name, err := range map[string]error{
		"Story": story, "User": user,
		"Publish": site.Publish(ctx, nobody), "CountView": site.CountView(ctx, nobody),
		"UpdateProfile": site.UpdateProfile(ctx, nobody, "", ""),
	} {
		if !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSiteInATransactionLeavesNothingAfterRollback(t *testing.T) {
	site, db := seeded(t)
	ctx := t.Context()
	tx, err := db.BeginTx(ctx, nil)
	must(t, err)
	inside := stories.New(tx)
	id, err := inside.Write(ctx, stories.Draft{AuthorID: 1, Title: "Gone", Body: "Gone.", Genre: "horror"})
	must(t, err)
	_, err = inside.Story(ctx, id)
	must(t, err)
	must(t, tx.Rollback())
	if _, err := site.Story(ctx, id); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("after the rollback: %v", err)
	}
}
