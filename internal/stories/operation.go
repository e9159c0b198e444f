package stories

import (
	"context"
	"fmt"
)

// Kind says whether an operation changes anything.
type Kind int

const (
	Read  Kind = iota // a replica may answer it
	Write             // only the primary can
)

// String returns "read" or "write".
func (k Kind) String() string {
	if k == Write {
		return "write"
	}
	return "read"
}

// Visit says who does an operation, and to what. Traffic draws visits that fit a seeded site.
type Visit struct {
	User   int64 // who is reading or writing
	Author int64 // somebody else
	Story  int64
	Text   string // what is searched, said or written
}

// Operation is one thing that a visitor of the site does: one statement.
type Operation struct {
	Name string
	Kind Kind
	// Weight is how often it happens among operations of its kind.
	Weight int
	// Run does it and says in a word or two what came of it.
	Run func(ctx context.Context, s *Site, v Visit) (outcome string, err error)
}

// Operations are all operations of the site: the reads, then the writes, each in the order in which a visitor would
// come to do them.
var Operations = []Operation{
	{"published stories", Read, 30, func(ctx context.Context, s *Site, _ Visit) (string, error) {
		list, err := s.Published(ctx)
		return count(len(list), "story", "stories"), err
	}},
	{"trending stories", Read, 20, func(ctx context.Context, s *Site, _ Visit) (string, error) {
		list, err := s.Trending(ctx)
		return count(len(list), "story", "stories"), err
	}},
	{"one story", Read, 20, func(ctx context.Context, s *Site, v Visit) (string, error) {
		story, err := s.Story(ctx, v.Story)
		return fmt.Sprintf("%q", story.Title), err
	}},
	{"comments of a story", Read, 15, func(ctx context.Context, s *Site, v Visit) (string, error) {
		list, err := s.Comments(ctx, v.Story)
		return count(len(list), "comment", "comments"), err
	}},
	{"user profile", Read, 15, func(ctx context.Context, s *Site, v Visit) (string, error) {
		u, err := s.User(ctx, v.Author)
		return u.Name, err
	}},
	{"user statistics", Read, 10, func(ctx context.Context, s *Site, v Visit) (string, error) {
		n, err := s.Statistics(ctx, v.Author)
		return count(int(n.Stories), "story", "stories") + ", " + count(int(n.Followers), "follower", "followers"), err
	}},
	{"search by title", Read, 5, func(ctx context.Context, s *Site, v Visit) (string, error) {
		list, err := s.Search(ctx, Search{Title: v.Text})
		return count(len(list), "story", "stories"), err
	}},
	{"search with filters", Read, 5, func(ctx context.Context, s *Site, v Visit) (string, error) {
		list, err := s.Search(ctx, Search{Title: "the", Genre: "mystery", AuthorID: v.Author})
		return count(len(list), "story", "stories"), err
	}},
	{"feed of followed authors", Read, 20, func(ctx context.Context, s *Site, v Visit) (string, error) {
		list, err := s.Feed(ctx, v.User)
		return count(len(list), "story", "stories"), err
	}},

	{"write a story", Write, 5, func(ctx context.Context, s *Site, v Visit) (string, error) {
		id, err := s.Write(ctx, Draft{AuthorID: v.User, Title: v.Text, Body: v.Text + ", at length.", Genre: "mystery"})
		return fmt.Sprintf("story %d", id), err
	}},
	{"publish a story", Write, 5, func(ctx context.Context, s *Site, v Visit) (string, error) {
		return "1 row", s.Publish(ctx, v.Story)
	}},
	{"count a view", Write, 60, func(ctx context.Context, s *Site, v Visit) (string, error) {
		return "1 row", s.CountView(ctx, v.Story)
	}},
	{"comment on a story", Write, 15, func(ctx context.Context, s *Site, v Visit) (string, error) {
		id, err := s.Comment(ctx, v.Story, v.User, v.Text)
		return fmt.Sprintf("comment %d", id), err
	}},
	{"follow an author", Write, 10, func(ctx context.Context, s *Site, v Visit) (string, error) {
		return "done", s.Follow(ctx, v.User, v.Author)
	}},
	{"update a profile", Write, 5, func(ctx context.Context, s *Site, v Visit) (string, error) {
		return "1 row", s.UpdateProfile(ctx, v.User, v.Text, "https://stories.example/new.png")
	}},
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
