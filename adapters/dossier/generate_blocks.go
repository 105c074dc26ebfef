package dossier

// seat is a merchant's place in the population: what it is and with whom.
type seat struct {
	archetype string
	group     int // number of its group in the block, -1 = alone
	rank      int // place within the group
	lead      int // index of the group's first merchant
}

// blockSize is the number of merchants over which the mix is kept.
const blockSize = 50

// block deals the archetypes of one block in random order: the mix is exact
// over a block, and so holds for any size of population.
func (g *Generated) block(number int) []seat {
	size := min(blockSize, g.options.Merchants-number*blockSize)
	d := g.dice("block", number)
	share := func(percent int) int { return (size*percent + 50) / 100 }
	ring, related := share(8), share(5)
	if size == blockSize {
		ring, related = d.whole(3, 5), d.whole(2, 3)
	}
	if ring < 3 && size >= 10 {
		ring = 3
	}
	if related < 2 && size >= 10 {
		related = 2
	}
	seats := make([]seat, 0, size)
	deal := func(archetype string, count, group int) {
		for rank := range min(count, size-len(seats)) {
			seats = append(seats, seat{archetype: archetype, group: group, rank: rank, lead: -1})
		}
	}
	if ring >= 3 {
		deal(ArchetypeBrushingRing, ring, 0)
	}
	if related >= 2 {
		deal(ArchetypeRelated, related, 1)
	}
	deal(ArchetypeDefaulting, share(8), -1)
	deal(ArchetypeSeasonal, share(12), -1)
	deal(ArchetypeThinFile, share(12), -1)
	deal(ArchetypeEstablished, size, -1)
	d.Shuffle(size, func(i, j int) { seats[i], seats[j] = seats[j], seats[i] })
	if number == 0 && g.bigMerchantSlot > 0 {
		seats[0], seats[g.bigMerchantSlot] = seats[g.bigMerchantSlot], seats[0]
	}
	leads := map[int]int{}
	for i, s := range seats {
		if s.rank == 0 {
			leads[s.group] = number*blockSize + i
		}
	}
	for i, s := range seats {
		if s.group >= 0 {
			seats[i].lead = leads[s.group]
		}
	}
	return seats
}
