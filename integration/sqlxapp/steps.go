package sqlxapp

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/integration/step"

	"github.com/jmoiron/sqlx"
)

// Steps run the site from its first table to its last comment, every operation at least once. They build on one another.
func Steps(db *sqlx.DB) []step.Step {
	// The clock stands still: what is stored does not depend on when the steps run.
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	site := New(db, func() time.Time { return noon })

	replica, primary := step.On(step.Replica), step.On(step.Primary)
	return append([]step.Step{
		{Name: "install", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, site.Install(ctx)
		}},
		{Name: "create a user", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.CreateUser(ctx, "ada", "writes of engines")
		}},
		{Name: "create many users", Routes: primary, Run: func(ctx context.Context) (any, error) {
			users := []User{
				{Name: "bob", Bio: "reads", CreatedAt: noon},
				{Name: "cyn", Bio: "reads, too", CreatedAt: noon},
				{Name: "dan", CreatedAt: noon},
			}
			users[1].Avatar.Scan("cyn.png")
			return site.CreateUsers(ctx, users)
		}},
		{Name: "create a user whose name is taken", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.CreateUser(ctx, "ada", "another")
		}},
		{Name: "user profile", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.User(ctx, 1)
		}},
		{Name: "a profile that is not there", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.User(ctx, 4711)
		}},
		{Name: "profiles by name", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.UsersByName(ctx, "cyn", "bob", "nobody")
		}},
		{Name: "update a profile", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.UpdateProfile(ctx, User{ID: 2, Bio: "reads everything"})
		}},
		{Name: "update a profile that is not there", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.UpdateProfile(ctx, User{ID: 4711})
		}},
		{Name: "follow", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.Follow(ctx, 2, 1)
		}},
		{Name: "follow again", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.Follow(ctx, 2, 1)
		}},
		{Name: "follow oneself", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.Follow(ctx, 2, 2)
		}},
		{Name: "create a story", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.CreateStory(ctx, Story{AuthorID: 1, Title: "The Engine", Body: "It counts.", Genre: "science"}, "steam", "maths")
		}},
		{Name: "create a second story", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.CreateStory(ctx, Story{AuthorID: 2, Title: "A quiet engine", Body: "It rests.", Genre: "poetry"}, "steam")
		}},
		{Name: "create a story without an author", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.CreateStory(ctx, Story{AuthorID: 4711, Title: "Nobody's", Body: "?", Genre: "poetry"})
		}},
		{Name: "published stories, before there are any", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.PublishedStories(ctx)
		}},
		{Name: "publish", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, site.Publish(ctx, 1)
		}},
		{Name: "publish again", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, site.Publish(ctx, 1)
		}},
		{Name: "publish what is not there", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, site.Publish(ctx, 4711)
		}},
		{Name: "count a view", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.CountView(ctx, 1)
		}},
		{Name: "published stories", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.PublishedStories(ctx)
		}},
		{Name: "trending stories", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Trending(ctx)
		}},
		{Name: "user statistics", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.UserStats(ctx, 1)
		}},
		{Name: "search by title", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Search(ctx, Filter{Title: "ENGINE"})
		}},
		{Name: "search with filters", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Search(ctx, Filter{Title: "engine", Genre: "science", AuthorID: 1})
		}},
		{Name: "feed", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Feed(ctx, 2)
		}},
		{Name: "comment", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.Comment(ctx, 1, 2, "does it?")
		}},
		{Name: "comments of a story", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Comments(ctx, 1)
		}},
	}, toolSteps(db, site)...)
}
