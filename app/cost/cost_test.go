package cost_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"loan310/app/cost"
)

func TestWhatIsCountedIsTakenOnce(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CST", 8*60*60)
	meter := cost.NewMeter(func() time.Time { return time.Date(1970, 1, 1, 17, 0, 0, 0, time.UTC) }, zone) // the 2nd in China
	about := cost.About(t.Context(), "application/1")
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { meter.Count(about, "bureau.report") })
		group.Go(func() { meter.Count(context.Background(), "notify.send") })
	}
	group.Wait()
	require.Equal(t, []cost.Usage{{Item: "notify.send", Day: 1, Quantity: 50}, {Subject: "application/1", Item: "bureau.report", Day: 1, Quantity: 50}}, meter.Take())
	require.Empty(t, meter.Take())
	var none *cost.Meter
	none.Count(about, "x")
}
