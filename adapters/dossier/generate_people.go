package dossier

import (
	"math"
	"strings"
	"time"

	"loan310/app/ident"
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// profile is everything the rows of one merchant are computed from.
type profile struct {
	index    int
	seat     seat
	merchant Merchant
	trade    trade
	city     place
	start    time.Time // first day with rows
	applied  time.Time // application; nothing later is known
	days     int       // whole days with rows
	honest   int       // orders of real buyers
	fake     int       // fabricated orders
	stress   float64   // latent trouble, standard normal: moves signals and outcome together
	founded  time.Time
	company  bool
}

// monthly is the average sales a month the platform shows, fen.
func (p *profile) monthly() float64 {
	return (float64(p.honest) + 1.8*float64(p.fake)) * p.trade.price * 100 * 30 / float64(p.days)
}

// profile computes a merchant from its number.
func (g *Generated) profile(index int) *profile {
	s := g.block(index / blockSize)[index%blockSize]
	d := g.dice("profile", index)
	p := &profile{index: index, seat: s, trade: pick(d, trades[:]), city: pick(d, places[:]), stress: d.NormFloat64(), applied: g.asOf}
	if index > 0 {
		p.applied = g.asOf.Add(-time.Duration(d.Float64() * float64(g.spread))).Truncate(time.Second)
	}
	if s.group >= 0 {
		// A group sits together: one city, one trade.
		shared := g.dice("group", s.lead)
		p.city, p.trade = pick(shared, places[:]), pick(shared, trades[:])
	}
	end := p.applied.Truncate(24 * time.Hour)
	p.days = windowDays
	p.founded = end.AddDate(0, 0, -d.whole(500, 3600))
	opened := p.founded.AddDate(0, 0, d.whole(20, 120))
	if s.archetype == ArchetypeThinFile {
		p.days = d.whole(60, 150)
		opened = end.AddDate(0, 0, -p.days)
		p.founded = opened.AddDate(0, 0, -d.whole(5, 25))
	}
	p.start = end.AddDate(0, 0, -p.days)
	g.sizeOf(p, d)
	g.identify(p, d, opened)
	return p
}

// sizeOf decides how many orders there are.
func (g *Generated) sizeOf(p *profile, d dice) {
	count := math.Min(700, math.Max(150, d.lognormal(320, 0.45)))
	switch p.seat.archetype {
	case ArchetypeThinFile:
		count = d.between(15, 70)
	case ArchetypeBrushingRing:
		count = d.between(150, 350)
		share := d.between(0.16, 0.39)
		p.fake = int(math.Round(count * g.options.OrdersScale * share / (1 - share)))
	case ArchetypeSeasonal:
		count = math.Min(900, count*1.2)
	}
	p.honest = max(1, int(math.Round(count*g.options.OrdersScale)))
	if p.index == 0 && g.options.BigMerchantOrders > 0 {
		p.honest = g.options.BigMerchantOrders
	}
}

// identify gives the merchant its names and numbers.
func (g *Generated) identify(p *profile, d dice, opened time.Time) {
	person, account := p.index, p.index
	if p.seat.archetype == ArchetypeRelated {
		switch g.relation(p) {
		case sameRepresentative:
			person = p.seat.lead
		case sameAccount:
			account = p.seat.lead
		}
	}
	p.company = d.chance(0.25)
	card := bankCards[g.hash("bank", account)%uint64(len(bankCards))]
	digits := card.prefix + label("", 12, int(g.cards.of(account)))
	name, identity := g.person(person)
	p.merchant = Merchant{
		ID:              merchantName(p.index),
		Name:            p.city.name + string(pickRune(d, shopFirst)) + string(pickRune(d, shopLast)) + p.trade.suffix,
		LicenceNumber:   g.licenceNumber(p),
		LegalRep:        name,
		IdentityNumber:  identity,
		Phone:           "+86" + mobilePrefixes[p.index%len(mobilePrefixes)] + label("", 8, int(g.phones.of(p.index))),
		PayoutAccount:   digits + string(ident.LuhnDigit(digits)),
		PayoutBank:      card.bank,
		Address:         g.address(p),
		Region:          p.city.code,
		Industry:        p.trade.industry,
		ShopOpenedAt:    opened,
		Archetype:       p.seat.archetype,
		SyntheticFields: []string{everything},
	}
	if p.seat.group >= 0 {
		p.merchant.Ring = label(map[string]string{ArchetypeBrushingRing: "R", ArchetypeRelated: "G"}[p.seat.archetype], 6, p.seat.lead+1)
	}
}

// relation is what the merchants of a related group share.
type relation int

const (
	sameRepresentative relation = iota
	sameAccount
	sameAddress // one meter
)

func (g *Generated) relation(p *profile) relation {
	return relation(g.hash("relation", p.seat.lead) % 3)
}

func pickRune(d dice, from string) rune { return pick(d, []rune(from)) }

// person is a name and the identity number of an adult.
func (g *Generated) person(number int) (name, identity string) {
	d := g.dice("person", number)
	name = string(pickRune(d, surnames))
	if d.chance(0.85) {
		name += string(pickRune(d, givenFirst))
	}
	name += string(pickRune(d, givenLast))
	born := g.asOf.Add(-g.spread).AddDate(-d.whole(22, 60), 0, -d.IntN(365))
	county := label("", 2, d.whole(1, 9))
	first := pick(d, places[:]).code[:4] + county + born.Format("20060102") + label("", 3, d.whole(1, 999))
	return name, first + string(ident.IdentityCheck(first))
}

// codeAlphabet is the alphabet of unified social credit codes.
const codeAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// organisationCodes counts the organisation codes after "MA": 31^6.
const organisationCodes = 31 * 31 * 31 * 31 * 31 * 31

// licenceNumber writes the merchant's number, permuted, into the organisation
// code, from where indexOfLicence reads it back.
func (g *Generated) licenceNumber(p *profile) string {
	value := g.licences.of(p.index)
	var tail [6]byte
	for i := range tail {
		tail[len(tail)-1-i] = codeAlphabet[value%31]
		value /= 31
	}
	kind := "92"
	if p.company {
		kind = "91"
	}
	organisation := "MA" + string(tail[:])
	first := kind + p.city.code + organisation + string(organisationCheck(organisation))
	return first + string(ident.LicenceCheck(first))
}

// organisationCheck is the check character of GB 11714.
func organisationCheck(first8 string) byte {
	weights := [8]int{3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, weight := range weights {
		value := int(first8[i] - '0')
		if first8[i] >= 'A' {
			value = int(first8[i]-'A') + 10
		}
		sum += weight * value
	}
	return "0X987654321"[sum%11]
}

func (g *Generated) indexOfLicence(licence string) (int, bool) {
	if len(licence) != 18 {
		return 0, false
	}
	var value uint64
	for i := 10; i < 16; i++ {
		digit := strings.IndexByte(codeAlphabet, licence[i])
		if digit < 0 {
			return 0, false
		}
		value = value*31 + uint64(digit)
	}
	index := g.licences.back(value)
	return int(index), index < uint64(g.options.Merchants)
}

// application asks for about a month's sales.
func (g *Generated) application(p *profile) Application {
	d := g.dice("application", p.index)
	asked := money.Amount(p.monthly() * d.between(0.5, 1.6)).FloorTo(1000 * money.Yuan)
	return Application{
		ID: label("A", 6, p.index+1), MerchantID: p.merchant.ID, AppliedAt: p.applied,
		Amount: max(asked, 3000*money.Yuan), TenorMonths: pick(d, []int{3, 6, 6, 12, 12}), Purpose: pick(d, purposes[:]),
		DeviceID: g.ownDevice(p), IP: g.ownIP(p),
	}
}

// record is the business registry's view.
func (g *Generated) record(p *profile) evidence.RegistryRecord {
	d := g.dice("registry", p.index)
	record := evidence.RegistryRecord{
		LicenceNumber: p.merchant.LicenceNumber, Name: p.merchant.Name, LegalRep: p.merchant.LegalRep,
		Status: evidence.RegistryActive, EstablishedAt: p.founded, Region: p.city.code, Industry: p.trade.industry, Kind: "individual",
	}
	if p.company {
		record.Kind = "company"
		record.RegisteredCapital = money.Amount(d.whole(1, 50)) * 100_000 * money.Yuan / 10
		record.ExpiresAt = p.founded.AddDate(30, 0, 0)
	}
	abnormal := 0.01
	if p.seat.archetype == ArchetypeDefaulting {
		abnormal = 0.15
	}
	if d.chance(abnormal) {
		record.Status = evidence.RegistryAbnormal
	}
	if p.seat.archetype != ArchetypeThinFile && d.chance(0.08) {
		record.ChangedAt = p.founded.AddDate(0, 0, d.whole(100, 450))
	}
	return record
}
