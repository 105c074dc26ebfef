package utility

import (
	"errors"
	"math/big"
	"net/url"
	"path"
	"strings"
	"time"

	"loan310/scoring/evidence"
)

// ESPI codes we read: units of measure (uom), flow directions, and ISO 4217
// numbers of the currency.
const (
	unitCubicMetre = 42
	unitWattHour   = 72
	unitCubicFoot  = 119
	unitUSGallon   = 128
	unitLitre      = 134

	flowForward = 1 // delivered to the customer; 0 = not said
	currencyCNY = "156"
)

// notSaid is the quantity of a bill whose feed does not tell it.
const notSaid = -1

// maxPower bounds powerOfTenMultiplier: ESPI's UnitMultiplierKind is -12..12.
const maxPower = 12

// linked indexes the entries of a feed by the hrefs others name them with.
type linked struct {
	points map[string]*usagePoint   // by self and by related
	meters map[string]*meterReading // by self and by related
	types  map[string]readingType
	// series are the interval readings of each usage point that measure its
	// consumption, one per meter reading.
	series map[*usagePoint][]series
}

type series struct {
	kind     readingType
	readings []intervalReading
}

// link resolves the hrefs between entries and gives the bills.
func (f *feed) link() ([]evidence.UtilityBill, error) {
	index := linked{
		points: make(map[string]*usagePoint, len(f.points)), meters: make(map[string]*meterReading, len(f.meters)),
		types: f.types, series: map[*usagePoint][]series{},
	}
	for i := range f.points {
		register(index.points, f.points[i].links, &f.points[i])
	}
	for i := range f.meters {
		register(index.meters, f.meters[i].links, &f.meters[i])
	}
	if err := index.gather(f); err != nil {
		return nil, err
	}
	bills := make([]evidence.UtilityBill, 0, len(f.bills))
	for i := range f.bills {
		point := owner(index.points, f.bills[i].up)
		if point == nil {
			return nil, malformed("usage summary %d belongs to no usage point", i+1)
		}
		if point.kind == "" {
			continue
		}
		bill, err := index.bill(&f.bills[i], point)
		if err != nil {
			return nil, malformed("usage summary %d: %s", i+1, err.Error())
		}
		bills = append(bills, bill)
	}
	return bills, nil
}

func register[T any](index map[string]*T, hrefs links, thing *T) {
	index[hrefs.self] = thing
	for _, href := range hrefs.related {
		if strings.HasPrefix(href, hrefs.self+"/") {
			index[href] = thing
		}
	}
}

// owner finds the resource that an entry's up link names: the collection the
// resource lists as related, or the one above that collection.
func owner[T any](index map[string]*T, up string) *T {
	if thing, ok := index[up]; ok {
		return thing
	}
	above, _, found := cutLast(up)
	if !found {
		return nil
	}
	return index[above]
}

func cutLast(href string) (above, last string, found bool) {
	at := strings.LastIndexByte(href, '/')
	if at < 0 {
		return "", href, false
	}
	return href[:at], href[at+1:], true
}

// gather attaches each interval block to its usage point by way of its meter
// reading.
func (l *linked) gather(f *feed) error {
	byMeter := map[*meterReading]*series{}
	var order []*meterReading
	for i := range f.blocks {
		meter := owner(l.meters, f.blocks[i].up)
		if meter == nil {
			return malformed("interval block %d belongs to no meter reading", i+1)
		}
		found, ok := byMeter[meter]
		if !ok {
			kind, told := l.typeOf(meter)
			if !told {
				return malformed("interval block %d has no reading type", i+1)
			}
			found = &series{kind: kind}
			byMeter[meter] = found
			order = append(order, meter)
		}
		found.readings = append(found.readings, f.blocks[i].readings...)
	}
	for _, meter := range order {
		point := owner(l.points, meter.up)
		if point == nil {
			return malformed("a meter reading belongs to no usage point")
		}
		l.series[point] = append(l.series[point], *byMeter[meter])
	}
	return nil
}

func (l *linked) typeOf(meter *meterReading) (readingType, bool) {
	for _, href := range meter.related {
		if kind, ok := l.types[href]; ok {
			return kind, true
		}
	}
	return readingType{}, false
}

// bill turns a usage summary into a bill of its point.
func (l *linked) bill(summary *usageSummary, point *usagePoint) (evidence.UtilityBill, error) {
	if summary.Period == nil || summary.Period.Duration <= 0 || !plausible(summary.Period.Start) ||
		!plausible(summary.Period.Start+summary.Period.Duration) {
		return evidence.UtilityBill{}, errors.New("no possible billing period")
	}
	if summary.Bill == nil || *summary.Bill < 0 {
		return evidence.UtilityBill{}, errors.New("no amount, or a negative one")
	}
	if currency := strings.TrimSpace(summary.Currency); currency != currencyCNY {
		return evidence.UtilityBill{}, errors.New("the currency is not CNY (156)")
	}
	bill := evidence.UtilityBill{
		ID: lastSegment(summary.self), MeterID: lastSegment(point.self), Kind: point.kind,
		PeriodStart: time.Unix(summary.Period.Start, 0).UTC(),
		PeriodEnd:   time.Unix(summary.Period.Start+summary.Period.Duration, 0).UTC(),
		Amount:      fen(*summary.Bill),
	}
	if bill.ID == "" || bill.MeterID == "" {
		return evidence.UtilityBill{}, errors.New("no id in its self link")
	}
	if paid := summary.Payment; paid != nil {
		if !plausible(paid.Due) || !plausible(paid.Paid) {
			return evidence.UtilityBill{}, errors.New("an impossible payment date")
		}
		bill.DueAt, bill.PaidAt = moment(paid.Due), moment(paid.Paid)
	}
	quantity, err := l.quantity(summary, point)
	bill.Quantity = quantity
	return bill, err
}

// quantity is the consumption the summary states or, where it states none,
// the sum of interval readings if they cover the billing period exactly. A
// part of a period is not a quantity.
func (l *linked) quantity(summary *usageSummary, point *usagePoint) (int64, error) {
	if stated := summary.Consumption; stated != nil && stated.Value != nil {
		return scale(point.kind, *stated.Value, stated.Multiplier, stated.Unit)
	}
	from, to := summary.Period.Start, summary.Period.Start+summary.Period.Duration
	for _, candidate := range l.series[point] {
		if candidate.kind.Flow > flowForward || !measures(point.kind, candidate.kind.Unit) {
			continue
		}
		var covered, sum int64
		for _, reading := range candidate.readings {
			end := reading.Period.Start + reading.Period.Duration
			if reading.Period.Start < from || end > to {
				continue
			}
			covered += reading.Period.Duration
			total := sum + *reading.Value
			if (total > sum) != (*reading.Value > 0) && *reading.Value != 0 {
				return 0, errors.New("readings too large to add")
			}
			sum = total
		}
		if covered == summary.Period.Duration {
			return scale(point.kind, sum, candidate.kind.Multiplier, candidate.kind.Unit)
		}
	}
	return notSaid, nil
}

// measures tells whether a unit can be converted to the kind's: watt-hours
// for electricity, litres for water and gas.
func measures(kind evidence.UtilityKind, unit int) bool {
	num, _ := factor(kind, unit)
	return num != 0
}

// factor gives the exact fraction that takes a unit to the kind's, 0 when
// there is none.
func factor(kind evidence.UtilityKind, unit int) (num, den int64) {
	if kind == evidence.Electricity {
		if unit == unitWattHour {
			return 1, 1
		}
		return 0, 1
	}
	switch unit {
	case unitLitre:
		return 1, 1
	case unitCubicMetre:
		return 1_000, 1
	case unitCubicFoot: // 0.3048 m cubed
		return 28_316_846_592, 1_000_000_000
	case unitUSGallon: // 231 cubic inches
		return 3_785_411_784, 1_000_000_000
	default:
		return 0, 1
	}
}

// scale gives value x 10^power in watt-hours or litres, rounded half up;
// notSaid when the unit cannot be converted (gas by energy, say). Negative
// and overflowing quantities and powers outside -12..12 are errors.
func scale(kind evidence.UtilityKind, value int64, power, unit int) (int64, error) {
	num, den := factor(kind, unit)
	if num == 0 {
		return notSaid, nil
	}
	if value < 0 {
		return 0, errors.New("a negative quantity")
	}
	if power < -maxPower || power > maxPower {
		return 0, errors.New("a power of ten outside -12..12")
	}
	product := new(big.Int).Mul(big.NewInt(value), big.NewInt(num))
	divisor := big.NewInt(den)
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(power, -power))), nil)
	if power >= 0 {
		product.Mul(product, ten)
	} else {
		divisor.Mul(divisor, ten)
	}
	product.Lsh(product, 1).Add(product, divisor)
	product.Quo(product, divisor.Lsh(divisor, 1))
	if !product.IsInt64() {
		return 0, errors.New("a quantity out of range")
	}
	return product.Int64(), nil
}

// lastSegment gives the id a resource has in its self link.
func lastSegment(href string) string {
	parsed, err := url.Parse(href)
	if err != nil {
		return ""
	}
	segment := path.Base(parsed.EscapedPath())
	id, err := url.PathUnescape(segment)
	if err != nil || id == "." || id == "/" {
		return ""
	}
	return id
}
