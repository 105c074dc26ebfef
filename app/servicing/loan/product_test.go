package loan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"loan310/app/fault"
	"loan310/app/money"
	"loan310/app/servicing/loan"
	"loan310/scoring/verdict"
)

func TestTheStandardProducts(t *testing.T) {
	t.Parallel()
	catalogue, err := loan.StandardCatalogue()
	require.NoError(t, err)
	require.Len(t, catalogue.Products(), 4)
	for _, repayment := range repayments {
		p, found := catalogue.For(repayment)
		require.True(t, found)
		require.Zero(t, p.Fees, "no fees by default")
		same, found := catalogue.Product(p.ID, p.Version)
		require.True(t, found)
		require.Equal(t, p, same)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := loan.ParseProduct(text)
		require.NoError(t, err)
		require.Equal(t, p, again, "a snapshot is read as it was written")
	}
	_, found := catalogue.Product("balloon", 0)
	require.False(t, found)
}

func TestACatalogueHasEveryVersion(t *testing.T) {
	t.Parallel()
	p := product(t, verdict.Bullet)
	file := func(version int) *fstest.MapFile {
		p.Version = version
		text, err := json.Marshal(p)
		require.NoError(t, err)
		return &fstest.MapFile{Data: text}
	}
	catalogue, err := loan.ReadCatalogue(fstest.MapFS{"a.json": file(1), "b.json": file(3), "c.json": file(2)})
	require.NoError(t, err)
	newest, _ := catalogue.Product("bullet", 0)
	require.Equal(t, 3, newest.Version)
	older, _ := catalogue.Product("bullet", 2)
	require.Equal(t, 2, older.Version)
	_, err = loan.ReadCatalogue(fstest.MapFS{"a.json": file(1), "b.json": file(1)})
	require.ErrorContains(t, err, "b.json: version: product_invalid: version 1 of bullet is there twice")
}

func TestWrongProductsAreRefusedByPath(t *testing.T) {
	t.Parallel()
	text, err := json.MarshalIndent(product(t, verdict.EqualInstalments), "", "  ")
	require.NoError(t, err)
	for name, row := range map[string]struct{ from, to, field, message string }{
		"day count":       {`"day_count_base": 360`, `"day_count_base": 364`, "day_count_base", "want 360 or 365, not 364"},
		"markup too low":  {`"markup_bps": 5000`, `"markup_bps": 2999`, "penalty.markup_bps", "3000 to 5000"},
		"markup too high": {`"markup_bps": 5000`, `"markup_bps": 5001`, "penalty.markup_bps", "3000 to 5000"},
		"order incomplete": {`"order": [
      "penalty",`, `"order": [
      "fee",`, "allocation.order", "each of"},
		"repayment":      {`"equal_instalments"`, `"balloon"`, "repayment", "balloon"},
		"relay":          {`"relay": "keep_tenor"`, `"relay": ""`, "relay", "shorten"},
		"stub":           {`"stub": "whole_month"`, `"stub": "x"`, "stub", "actual_days"},
		"excess":         {`"excess": "advance"`, `"excess": "x"`, "excess", "hold"},
		"tenor":          {`"max_tenor_months": 36`, `"max_tenor_months": 121`, "max_tenor_months", "120"},
		"wrong type":     {`"version": 1`, `"version": "1"`, "version", "line 3, column 17"},
		"nested type":    {`"grace_days": 0`, `"grace_days": true`, "penalty.grace_days", "line 16, column 23"},
		"unknown field":  {`"version": 1`, `"versions": 1`, "", `unknown field "versions"`},
		"cut off":        {`"relay": "keep_tenor",`, `"relay": `, "", "line"},
		"more than one":  {"\n}", "\n} {}", "", "more text"},
		"by":             {`"by": "component"`, `"by": "line"`, "non_performing.by", "instalment"},
		"negative fee":   {`"upfront_bps": 0`, `"upfront_bps": -1`, "fees.upfront_bps", "0 to 1000"},
		"cap":            {`"irr_cap_bps": 2400`, `"irr_cap_bps": 20000`, "irr_cap_bps", "10000"},
		"name":           {`"en": "Equal instalments"`, `"en": ""`, "name", "zh and en"},
		"periodic":       {`"periodic_bps": 0`, `"periodic_bps": 201`, "fees.periodic_bps", "0 to 200"},
		"prepayment fee": {`"prepayment_bps": 0`, `"prepayment_bps": 501`, "fees.prepayment_bps", "0 to 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, string(text), row.from)
			_, err := loan.ParseProduct([]byte(strings.Replace(string(text), row.from, row.to, 1)))
			var refused *fault.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, loan.CodeProduct, refused.Code)
			require.Equal(t, row.field, refused.Field)
			require.Contains(t, refused.Message, row.message)
		})
	}
}

func TestThePriceIsAllIn(t *testing.T) {
	t.Parallel()
	irr := func(c loan.Contract) money.BasisPoints {
		quote, err := c.Quote()
		require.NoError(t, err)
		return quote.IRRBps
	}
	c := golden(t, verdict.EqualInstalments)
	require.Equal(t, money.BasisPoints(1_200), irr(c))
	c.Product.Fees.UpfrontBps = 100
	require.Equal(t, money.BasisPoints(1_391), irr(c), "1 % kept back: numpy 12*irr([-99000, 11 x 8884.88, 8884.85])")
	require.Equal(t, money.Amount(9_900_000), c.PaidOut())
	c.Product.Fees.UpfrontBps, c.Product.Fees.PeriodicBps = 0, 10
	require.Greater(t, irr(c), money.BasisPoints(1_391), "0.1 % of the principal a month is about 1.2 % and more")
	require.NoError(t, c.Check())
	c.RateBps = 2_300
	err := c.Check()
	require.Equal(t, loan.CodeIRRCap, fault.CodeOf(err))
	c.Product.Fees.PeriodicBps = 0
	require.NoError(t, c.Check())
	require.Equal(t, money.BasisPoints(1_217), irr(golden(t, verdict.AnyTime)), "12 % x 365/360")
	quote, err := c.Quote()
	require.NoError(t, err)
	require.True(t, quote.AboveFourLPR(300))
	require.False(t, quote.AboveFourLPR(600))
}

func TestTheFirstPeriodFollowsTheStubRule(t *testing.T) {
	t.Parallel()
	c := golden(t, verdict.EqualInstalments)
	c.FirstDue = c.DisbursedOn + 45 // 1 March
	quote, err := c.Quote()
	require.NoError(t, err)
	require.Equal(t, money.Amount(100_000), quote.Lines[0].Owed.Interest, "one month, however many days")
	require.Equal(t, "2026-04-01", quote.Lines[1].DueOn.String())
	c.Product.Stub = loan.ActualDays
	quote, err = c.Quote()
	require.NoError(t, err)
	require.Equal(t, money.Amount(150_000), quote.Lines[0].Owed.Interest, "10,000,000 x 12 % x 45 / 360")
	require.Equal(t, money.Amount(788_488), quote.Lines[0].Owed.Principal)
	c.Product.DayCountBase = 365
	quote, err = c.Quote()
	require.NoError(t, err)
	require.Equal(t, money.Amount(147_945), quote.Lines[0].Owed.Interest, "147,945.21")
	c.FirstDue = 0
	quote, err = c.Quote()
	require.NoError(t, err)
	require.Equal(t, money.Amount(100_000), quote.Lines[0].Owed.Interest, "a whole month is no stub")

	last := golden(t, verdict.AnyTime)
	last.DisbursedOn = day(t, "2026-01-31")
	quote, err = last.Quote()
	require.NoError(t, err)
	require.Equal(t, "2026-02-28", quote.Lines[0].DueOn.String())
	require.Equal(t, "2026-03-31", quote.Lines[1].DueOn.String(), "the day comes back where the month has it")
	require.Equal(t, money.Amount(93_333), quote.Lines[0].Owed.Interest, "28 days")
	require.Equal(t, money.Amount(103_333), quote.Lines[1].Owed.Interest, "31 days")
	for wrong, field := range map[loan.Date]string{c.DisbursedOn: "first_due", c.DisbursedOn + 70: "first_due"} {
		c.FirstDue = wrong
		var refused *fault.Error
		require.ErrorAs(t, c.Check(), &refused)
		require.Equal(t, field, refused.Field)
	}
}

func FuzzParseProduct(f *testing.F) {
	text, err := json.Marshal(product(f, verdict.Bullet))
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"id":"x","allocation":{"order":[1]}}`))
	f.Add([]byte("{\"id\":\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := loan.ParseProduct(text)
		if err != nil {
			require.Equal(t, loan.CodeProduct, fault.CodeOf(err))
			return
		}
		require.NoError(t, p.Check())
		c := golden(t, p.Repayment)
		c.Product, c.TenorMonths = p, p.MinTenor
		replayed(t, c, nil, c.Due(p.MinTenor)+200)
	})
}
