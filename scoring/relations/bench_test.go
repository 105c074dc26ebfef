package relations_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"loan310/scoring/evidence"
	"loan310/scoring/relations"
)

// BenchmarkJoin joins graphs of ten thousand, a hundred thousand and a million
// edges (a merchant's hold on an identifier), two or three holds an
// identifier, and a hub for each kind.
func BenchmarkJoin(b *testing.B) {
	for _, edges := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(edges), func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			kinds := []evidence.IdentifierKind{evidence.LinkAccount, evidence.LinkDevice, evidence.LinkAddress, evidence.LinkIP, evidence.LinkBuyer, evidence.LinkPayer}
			count := edges / 5
			var ids []relations.Identifier
			for made := 0; made < edges; {
				id := relations.Identifier{Kind: kinds[random.IntN(len(kinds))], Key: fmt.Sprintf("%016x", made)}
				holders := 2 + random.IntN(2)
				if len(ids) < len(kinds) {
					holders = edges / 50
				}
				for range holders {
					id.Holders = append(id.Holders, int32(random.IntN(count)))
				}
				made += holders
				ids = append(ids, id)
			}
			for b.Loop() {
				relations.Join(rules(), count, ids)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(edges), "ns/edge")
		})
	}
}

// BenchmarkTracker walks applications with forty identifiers each.
func BenchmarkTracker(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	tracker := relations.NewTracker()
	at := start
	n := 0
	for b.Loop() {
		found := customers(random.IntN(1_000_000), 24)
		at = at.Add(time.Minute)
		n++
		if _, err := tracker.Apply(relations.Application{Merchant: fmt.Sprint("m", n), At: at, Found: found, Orders: 200}); err != nil {
			b.Fatal(err)
		}
	}
}
