package sandbox

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/url"
	"time"

	"loan310/scoring/evidence"
)

// day in seconds, and the most days a period is read by day.
const (
	daySeconds  = 24 * 60 * 60
	maxReadDays = 400
)

// espiFeed writes an Atom document with ESPI content: the meters of the bills
// in it, then the bills in order. Electricity is read by day in tenths of a
// watt-hour, gas by day in litres written as thousandths of a cubic metre;
// the consumption of water stands in the bill itself.
type espiFeed struct {
	base   string // of the subscription's resources
	asOf   time.Time
	next   string
	bills  int
	meters map[string]bool
	heads  bytes.Buffer // meters
	bodies bytes.Buffer // readings and bills
}

func newESPIFeed(subscription string, asOf time.Time) *espiFeed {
	return &espiFeed{base: "/espi/1_1/resource/Subscription/" + subscription, asOf: asOf, meters: map[string]bool{}}
}

// document gives the whole feed.
func (f *espiFeed) document() []byte {
	var out bytes.Buffer
	out.WriteString(xml.Header + `<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:00000000-0000-5000-8000-000000000310</id><title>Green Button Subscription Feed</title>`)
	if !f.asOf.IsZero() {
		fmt.Fprintf(&out, "<updated>%s</updated>", f.asOf.UTC().Format(time.RFC3339Nano))
	}
	if f.next != "" {
		fmt.Fprintf(&out, `<link rel="next" href="%s"/>`, escaped(f.next))
	}
	out.Write(f.heads.Bytes())
	out.Write(f.bodies.Bytes())
	out.WriteString("</feed>\n")
	return out.Bytes()
}

// add writes a bill and, the first time, its meter.
func (f *espiFeed) add(bill *evidence.UtilityBill) {
	f.bills++
	point := f.base + "/UsagePoint/" + url.PathEscape(bill.MeterID)
	reading := point + "/MeterReading/1"
	if !f.meters[bill.MeterID] {
		f.meters[bill.MeterID] = true
		f.meter(point, reading, bill.Kind)
	}
	if bill.Kind != evidence.Water && bill.Quantity >= 0 {
		entry(&f.bodies, reading+"/IntervalBlock/"+url.PathEscape(bill.ID), reading+"/IntervalBlock", nil, intervalBlock(bill))
	}
	entry(&f.bodies, point+"/UsageSummary/"+url.PathEscape(bill.ID), point+"/UsageSummary", nil, usageSummary(bill))
}

func (f *espiFeed) meter(point, reading string, kind evidence.UtilityKind) {
	kindOf := f.base + "/ReadingType/" + string(kind)
	entry(&f.heads, point, f.base+"/UsagePoint", []string{point + "/MeterReading", point + "/UsageSummary"},
		fmt.Sprintf(`<UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>%d</kind></ServiceCategory><status>1</status></UsagePoint>`, serviceKind(kind)))
	entry(&f.heads, reading, point+"/MeterReading", []string{reading + "/IntervalBlock", kindOf}, `<MeterReading xmlns="http://naesb.org/espi"/>`)
	unit, power, commodity := unitOf(kind)
	entry(&f.heads, kindOf, f.base+"/ReadingType", nil, fmt.Sprintf(
		`<ReadingType xmlns="http://naesb.org/espi"><accumulationBehaviour>4</accumulationBehaviour><commodity>%d</commodity>`+
			`<currency>156</currency><flowDirection>1</flowDirection><intervalLength>%d</intervalLength>`+
			`<powerOfTenMultiplier>%d</powerOfTenMultiplier><uom>%d</uom></ReadingType>`, commodity, daySeconds, power, unit))
}

// unitOf gives the unit of measure, the power of ten and the commodity.
func unitOf(kind evidence.UtilityKind) (unit, power, commodity int) {
	switch kind {
	case evidence.Gas:
		return 42, -3, 7
	case evidence.Water:
		return 42, -3, 9
	default:
		return 72, -1, 1
	}
}

// intervalBlock spreads a bill's quantity over the days of its period.
func intervalBlock(bill *evidence.UtilityBill) string {
	total := bill.Quantity
	if bill.Kind == evidence.Electricity {
		total *= 10 // tenths of a watt-hour
	}
	start, seconds := bill.PeriodStart.Unix(), bill.PeriodEnd.Unix()-bill.PeriodStart.Unix()
	days := (seconds + daySeconds - 1) / daySeconds
	length := int64(daySeconds)
	if days > maxReadDays {
		days, length = 1, seconds
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<IntervalBlock xmlns="http://naesb.org/espi"><interval><duration>%d</duration><start>%d</start></interval>`, seconds, start)
	for i := range days {
		value := total / days
		if i == days-1 {
			value += total % days
		}
		fmt.Fprintf(&out, `<IntervalReading><timePeriod><duration>%d</duration><start>%d</start></timePeriod><value>%d</value></IntervalReading>`,
			min(length, seconds-i*length), start+i*length, value)
	}
	out.WriteString("</IntervalBlock>")
	return out.String()
}

// usageSummary is the bill; amounts are in 1/100,000 of a yuan.
func usageSummary(bill *evidence.UtilityBill) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<UsageSummary xmlns="http://naesb.org/espi"><billingPeriod><duration>%d</duration><start>%d</start></billingPeriod>`+
		`<billLastPeriod>%d</billLastPeriod><currency>156</currency>`,
		bill.PeriodEnd.Unix()-bill.PeriodStart.Unix(), bill.PeriodStart.Unix(), int64(bill.Amount)*1_000)
	if bill.Kind == evidence.Water && bill.Quantity >= 0 {
		fmt.Fprintf(&out, `<overallConsumptionLastPeriod><powerOfTenMultiplier>-3</powerOfTenMultiplier><uom>42</uom><value>%d</value></overallConsumptionLastPeriod>`, bill.Quantity)
	}
	fmt.Fprintf(&out, `<statusTimeStamp>%d</statusTimeStamp>`, bill.PeriodEnd.Unix())
	if !bill.DueAt.IsZero() || !bill.PaidAt.IsZero() {
		out.WriteString(`<Payment xmlns="urn:loan310:espi-payment:1">`)
		if !bill.DueAt.IsZero() {
			fmt.Fprintf(&out, "<dueDate>%d</dueDate>", bill.DueAt.Unix())
		}
		if !bill.PaidAt.IsZero() {
			fmt.Fprintf(&out, "<paidDate>%d</paidDate>", bill.PaidAt.Unix())
		}
		out.WriteString("</Payment>")
	}
	out.WriteString("</UsageSummary>")
	return out.String()
}

func entry(out *bytes.Buffer, self, up string, related []string, content string) {
	fmt.Fprintf(out, `<entry><link rel="self" href="%s"/><link rel="up" href="%s"/>`, escaped(self), escaped(up))
	for _, href := range related {
		fmt.Fprintf(out, `<link rel="related" href="%s"/>`, escaped(href))
	}
	fmt.Fprintf(out, "<content>%s</content></entry>\n", content)
}

func escaped(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}
