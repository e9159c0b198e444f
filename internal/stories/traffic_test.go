package stories_test

import (
	"math"
	"testing"

	"github.com/pgsplit/pgsplit/internal/stories"
)

func TestTrafficKeepsItsShareOfWritesAndComesBackWithItsSeed(t *testing.T) {
	const n = 20_000
	a := stories.NewTraffic(stories.Small, 0.1, 42)
	b := stories.NewTraffic(stories.Small, 0.1, 42)
	seen := map[string]int{}
	writes := 0
	for range n {
		op, visit := a.Next()
		sameOp, sameVisit := b.Next()
		if op.Name != sameOp.Name || visit != sameVisit {
			t.Fatalf("%s %+v, then %s %+v", op.Name, visit, sameOp.Name, sameVisit)
		}
		if op.Kind == stories.Write {
			writes++
		}
		seen[op.Name]++
		if visit.User == visit.Author || min(visit.User, visit.Author, visit.Story) < 1 ||
			max(visit.User, visit.Author) > stories.Small.Users || visit.Story > stories.Small.Stories {
			t.Fatalf("%+v does not fit the seeded site", visit)
		}
	}
	if share := float64(writes) / n; math.Abs(share-0.1) > 0.01 {
		t.Errorf("share of writes %.3f, want 0.1", share)
	}
	if len(seen) != len(stories.Operations) {
		t.Errorf("%d of %d operations happen", len(seen), len(stories.Operations))
	}
}
