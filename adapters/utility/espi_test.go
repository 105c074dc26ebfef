package utility_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"loan310/adapters/utility"
	"loan310/scoring/evidence"
)

func sample(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/feed.xml")
	require.NoError(tb, err)
	return string(text)
}

func at(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

func TestParseFeedLinksEntriesAndScales(t *testing.T) {
	t.Parallel()
	page, err := utility.ParseFeed(strings.NewReader(sample(t)))
	require.NoError(t, err)
	require.Equal(t, utility.Page{
		Bills: []evidence.UtilityBill{
			{
				ID: "2026/01", MeterID: "E-1", Kind: evidence.Electricity,
				PeriodStart: at(2026, 1, 1), PeriodEnd: at(2026, 1, 3),
				Quantity: 20_010, // (1500 + 501) x 10^1 Wh
				Amount:   31_000, // 31,000,000 hundred-thousandths = 310.00 yuan
				DueAt:    at(2026, 1, 15), PaidAt: at(2026, 1, 14),
			},
			{
				ID: "2026-02", MeterID: "E-1", Kind: evidence.Electricity,
				PeriodStart: at(2026, 1, 1), PeriodEnd: at(2026, 2, 1),
				Quantity: -1, // two days of readings are no month
				Amount:   1,  // 0.005 yuan is half a fen: up
			},
		},
		Next:    "/espi/1_1/resource/Batch/Subscription/1?start-index=3",
		Updated: at(2026, 3, 1),
	}, page)
}

// statement is a feed of one bill that states its consumption.
func statement(service int, value int64, power, unit int) string {
	return fmt.Sprintf(`<feed xmlns="http://www.w3.org/2005/Atom">
<entry><link rel="self" href="/p/1"/><link rel="related" href="/p/1/UsageSummary"/><content><UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>%d</kind></ServiceCategory></UsagePoint></content></entry>
<entry><link rel="self" href="/p/1/UsageSummary/b"/><link rel="up" href="/p/1/UsageSummary"/><content><UsageSummary xmlns="http://naesb.org/espi"><billingPeriod><duration>86400</duration><start>1767225600</start></billingPeriod><billLastPeriod>0</billLastPeriod><currency>156</currency><overallConsumptionLastPeriod><powerOfTenMultiplier>%d</powerOfTenMultiplier><uom>%d</uom><value>%d</value></overallConsumptionLastPeriod></UsageSummary></content></entry></feed>`,
		service, power, unit, value)
}

func TestQuantitiesAreScaledExactly(t *testing.T) {
	t.Parallel()
	const electricity, gas, water = 0, 1, 2
	for name, c := range map[string]struct {
		service     int
		value       int64
		power, unit int
		want        int64
	}{
		"watt-hours":                          {electricity, 1951364, 0, 72, 1_951_364},
		"kilowatt-hours are power 3":          {electricity, 1951, 3, 72, 1_951_000},
		"tenths round down below a half":      {electricity, 104, -1, 72, 10},
		"tenths round up from a half":         {electricity, 105, -1, 72, 11},
		"litres":                              {water, 310, 0, 134, 310},
		"cubic metres":                        {water, 7, 0, 42, 7_000},
		"thousandths of a cubic metre":        {gas, 7123, -3, 42, 7_123},
		"a hundred cubic feet":                {gas, 1, 2, 119, 2_832},    // 28.316846592 x 100
		"US gallons":                          {water, 10, 0, 128, 38},    // 37.85
		"gas by therms cannot be litres":      {gas, 5, 0, 169, -1},       //
		"electricity in amperes is no energy": {electricity, 5, 0, 5, -1}, //
	} {
		page, err := utility.ParseFeed(strings.NewReader(statement(c.service, c.value, c.power, c.unit)))
		require.NoError(t, err, name)
		require.Equal(t, c.want, page.Bills[0].Quantity, name)
	}
	for name, text := range map[string]string{
		"negative":  statement(electricity, -1, 0, 72),
		"too large": statement(electricity, 9_000_000_000_000_000_000, 1, 72),
		"power":     statement(electricity, 1, 13, 72),
	} {
		_, err := utility.ParseFeed(strings.NewReader(text))
		require.ErrorContains(t, err, "malformed feed: usage summary 1", name)
	}
}

func TestQuantityTimesPowerIsWhatItSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Int64Range(0, 1_000_000_000).Draw(t, "value")
		power := rapid.IntRange(0, 9).Draw(t, "power")
		up, err := utility.ParseFeed(strings.NewReader(statement(0, value, power, 72)))
		require.NoError(t, err)
		want := value
		for range power {
			want *= 10
		}
		require.Equal(t, want, up.Bills[0].Quantity)
		down, err := utility.ParseFeed(strings.NewReader(statement(0, want, -power, 72)))
		require.NoError(t, err)
		require.Equal(t, value, down.Bills[0].Quantity)
	})
}

func TestParseFeedRefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	good := sample(t)
	change := func(old, to string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, to, 1)
	}
	for name, c := range map[string]struct{ text, says string }{
		"empty":                      {"", "ends early"},
		"no feed":                    {"<html></html>", "not an Atom feed"},
		"cut":                        {good[:len(good)-20], "ends early"},
		"cut in an entry":            {good[:len(good)/2], "ends early"},
		"something after":            {good + "<feed/>", "something follows"},
		"not XML":                    {change("<title>Front shop</title>", "<title>Front & shop</title>"), "not XML"},
		"entity expansion":           {`<!DOCTYPE f [<!ENTITY a "aaaa">]>` + change("Front shop", "&a;"), "not XML"},
		"currency":                   {change("<currency>156</currency>\n        <Payment", "<currency>840</currency>\n        <Payment"), "currency"},
		"no amount":                  {change("<billLastPeriod>31000000</billLastPeriod>", ""), "usage summary 1: no amount"},
		"negative amount":            {change(">31000000<", ">-31000000<"), "usage summary 1: no amount, or a negative one"},
		"amount is not a number":     {change(">31000000<", ">secret<"), "not a number"},
		"no period":                  {change("<billingPeriod><duration>172800</duration><start>1767225600</start></billingPeriod>", ""), "billing period"},
		"period of no length":        {change("<billingPeriod><duration>172800</duration>", "<billingPeriod><duration>0</duration>"), "billing period"},
		"summary of no point":        {change(`<link rel="up" href="/r/UsagePoint/E-1/UsageSummary"/>`, `<link rel="up" href="/r/UsagePoint/E-2/UsageSummary"/>`), "belongs to no usage point"},
		"block of no meter reading":  {change(`<link rel="up" href="/r/UsagePoint/E-1/MeterReading/9/IntervalBlock"/>`, ""), "belongs to no meter reading"},
		"no reading type":            {change(`<link rel="related" href="/r/ReadingType/7"/>`, ""), "no reading type"},
		"entry without self":         {change(`<link rel="self" href="/r/UsagePoint/E-1"/>`, ""), "entry 1: malformed feed: no self link"},
		"reading without value":      {change("<espi:value>501</espi:value>", ""), "interval reading"},
		"point without category":     {change("<ServiceCategory><kind>0</kind></ServiceCategory>", ""), "service category"},
		"updated is no moment":       {change("<updated>2026-03-01T00:00:00Z</updated>", "<updated>secret</updated>"), "updated"},
		"payment in the year 600000": {change("1768435200", "17684352000000"), "payment date"},
	} {
		page, err := utility.ParseFeed(strings.NewReader(c.text))
		require.ErrorContains(t, err, c.says, name)
		require.Zero(t, page, name)
		require.NotContains(t, err.Error(), "secret", name)
	}
}

func TestParseFeedBoundsWhatItReads(t *testing.T) {
	t.Parallel()
	endless := io.MultiReader(strings.NewReader(`<feed xmlns="http://www.w3.org/2005/Atom"><title>`), iotest.DataErrReader(endlessly{}))
	_, err := utility.ParseFeed(endless)
	require.ErrorContains(t, err, "longer than")
}

type endlessly struct{}

func (endlessly) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = 'a'
	}
	return len(into), nil
}

func TestParseFeedTellsABrokenConnectionFromABrokenFeed(t *testing.T) {
	t.Parallel()
	gone := errors.New("connection reset")
	_, err := utility.ParseFeed(io.MultiReader(strings.NewReader(sample(t)[:500]), iotest.ErrReader(gone)))
	require.ErrorIs(t, err, gone)
}

// tidy is a feed as machines write it: read the quick way.
const tidy = `<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>a &lt;b&gt; &quot;c&apos;</title><updated>2026-03-01T00:00:00Z</updated><link rel="next" href="/n?a=1&amp;b=2"/>
<entry><link rel="self" href="/p/1"/><link rel="related" href="/p/1/M"/><link rel="related" href="/p/1/UsageSummary"/><content><UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint></content></entry>
<entry><link rel="self" href="/p/1/M/1"/><link rel="up" href="/p/1/M"/><link rel="related" href="/p/1/M/1/B"/><link rel="related" href="/t/1"/><content><MeterReading xmlns="http://naesb.org/espi"/></content></entry>
<entry><link rel="self" href="/t/1"/><content><ReadingType xmlns="http://naesb.org/espi"><flowDirection>1</flowDirection><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom></ReadingType></content></entry>
<entry><link rel="self" href="/p/1/M/1/B/1"/><link rel="up" href="/p/1/M/1/B"/><content><IntervalBlock xmlns="http://naesb.org/espi"><IntervalReading><timePeriod><duration>43200</duration><start>1767225600</start></timePeriod><value>7</value></IntervalReading><IntervalReading><timePeriod><start>1767268800</start><duration>43200</duration></timePeriod><value>8</value></IntervalReading></IntervalBlock></content></entry>
<entry><link rel="self" href="/p/1/UsageSummary/b"/><link rel="up" href="/p/1/UsageSummary"/><content><UsageSummary xmlns="http://naesb.org/espi"><billingPeriod><duration>86400</duration><start>1767225600</start></billingPeriod><billLastPeriod>100000</billLastPeriod><currency>156</currency></UsageSummary></content></entry></feed>
`

// TestTheQuickWayAgreesWithEncodingXML changes a feed in one to three places;
// both ways of reading must give the same page or the same error.
func TestTheQuickWayAgreesWithEncodingXML(t *testing.T) {
	t.Parallel()
	page, err := utility.ParseFeed(strings.NewReader(tidy))
	require.NoError(t, err)
	require.Equal(t, int64(15), page.Bills[0].Quantity)
	require.Equal(t, "/n?a=1&b=2", page.Next)
	pieces := []string{
		"", " ", "\n", "\r\n", "\t", "<", ">", "/", "&", ";", "\"", "'", "=", "x", "7", "-1", "]]>", "é", "\x00", "\xff", "&amp;", "&#65;", "&nope;",
		"<!-- c -->", "<![CDATA[5]]>", "<?pi x?>", `<!DOCTYPE f [<!ENTITY a "aaaa">]>`, "<x/>", "</x>", "<value>9</value>", "xml:", `xmlns="u"`, ` xmlns="u"`,
		` xmlns=""`, ` x:rel="self"`, ` rel="up"`, " a='b'", ` a="b>c"`, "<entry>", "</entry>", "</IntervalReading>", "99999999999999999999",
	}
	places := []string{"><", "\">", "=", "</", "<value>", "<IntervalReading", "</value></IntervalReading>", "<duration>", "/>", " rel", "7", "</feed>\n", "<feed"}
	rapid.Check(t, func(t *rapid.T) {
		text := tidy
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			piece := rapid.SampledFrom(pieces).Draw(t, "piece")
			place := rapid.SampledFrom(places).Draw(t, "place")
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			if found := strings.Index(text[at:], place); found >= 0 {
				at += found + rapid.IntRange(0, len(place)).Draw(t, "within")
			}
			cut := rapid.SampledFrom([]int{0, 0, 0, 1, 5, 1_000_000}).Draw(t, "cut")
			text = text[:at] + piece + text[min(at+cut, len(text)):]
		}
		page, err := utility.ParseFeed(strings.NewReader(text))
		want, wrong := utility.ParseStream(strings.NewReader(text))
		require.Equal(t, wrong, err)
		require.Equal(t, want, page)
	})
}

func BenchmarkParseFeed(b *testing.B) {
	const block = `<IntervalReading><timePeriod><duration>86400</duration><start>1767225600</start></timePeriod><value>8</value></IntervalReading>`
	text := strings.Replace(tidy, "<IntervalReading>", strings.Repeat(block, 1_000)+"<IntervalReading>", 1)
	for name, parse := range map[string]func(io.Reader) (utility.Page, error){"quick": utility.ParseFeed, "encoding-xml": utility.ParseStream} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := parse(strings.NewReader(text))
				require.NoError(b, err)
			}
		})
	}
}

func FuzzParseFeed(f *testing.F) {
	f.Add([]byte(sample(f)))
	f.Add([]byte(statement(2, 7, -3, 42)))
	f.Add([]byte(`<feed xmlns="http://www.w3.org/2005/Atom"/>`))
	f.Add([]byte(tidy))
	f.Fuzz(func(t *testing.T, text []byte) {
		page, err := utility.ParseFeed(bytes.NewReader(text))
		want, wrong := utility.ParseStream(bytes.NewReader(text))
		require.Equal(t, wrong, err)
		require.Equal(t, want, page)
		if err != nil {
			require.Zero(t, page)
			return
		}
		for _, bill := range page.Bills {
			require.NotEmpty(t, bill.ID)
			require.NotEmpty(t, bill.MeterID)
			require.NotEmpty(t, bill.Kind)
			require.True(t, bill.PeriodEnd.After(bill.PeriodStart))
			require.False(t, bill.Amount < 0 || bill.Quantity < -1)
		}
	})
}
