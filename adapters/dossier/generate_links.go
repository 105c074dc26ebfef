package dossier

// Where merchants apply from. Most have a device, an address and a connection
// of their own; some of what is shared connects (a ring's operators, an
// owner's two shops), and some does not (a logistics park, a carrier's
// address).
const (
	carrierPool = 6  // addresses of mobile carriers, shared by all who apply over them
	parkSize    = 12 // logistics parks
)

// ownDevice is what the merchant applies from. Six rings in ten have operators
// who apply for all members; two related groups in three one owner's device.
func (g *Generated) ownDevice(p *profile) string {
	switch {
	case p.seat.archetype == ArchetypeBrushingRing && g.hash("ring operates", p.seat.lead)%10 < 6:
		return pseudonym('d', g.hash("ring operator", p.seat.lead, p.seat.rank%2))
	case p.seat.archetype == ArchetypeRelated && g.relation(p) == sameRepresentative && g.hash("one phone", p.seat.lead)%3 < 2:
		return pseudonym('d', g.hash("owner device", p.seat.lead))
	}
	return pseudonym('d', g.hash("own device", p.index))
}

// ownIP is a connection of the merchant's own, a mobile carrier's, or, where a
// ring has operators, theirs.
func (g *Generated) ownIP(p *profile) string {
	number := g.hash("own net", p.index)
	switch {
	case p.seat.archetype == ArchetypeBrushingRing && g.hash("ring operates", p.seat.lead)%10 < 6:
		number = g.hash("ring net", p.seat.lead)
	case number%10 < 3:
		return label("117.132.", 1, int(number>>8%carrierPool)) + ".9"
	}
	return label("58.", 1, int(number>>8&255)) + "." + label("", 1, int(number>>16&255)) + "." + label("", 1, 1+int(number>>24%250))
}

// address is the merchant's place: its own, that of its group where the
// group is at one address, or a logistics park's.
func (g *Generated) address(p *profile) string {
	index := p.index
	if p.seat.archetype == ArchetypeRelated && g.relation(p) == sameAddress {
		index = p.seat.lead
	} else if g.hash("park", p.index)%10 < 1 {
		return label("物流园", 1, 1+int(g.hash("which park", p.index)%parkSize)) + "号库"
	}
	number := g.hash("street", index)
	return p.city.name + string([]rune(shopFirst)[number%uint64(len([]rune(shopFirst)))]) + "路" + label("", 1, 1+int(number>>8%900)) + "号" + label("", 1, 101+int(number>>24%800)) + "室"
}
