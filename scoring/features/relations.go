package features

import "loan310/scoring/verdict"

// writeRelations fills what the merchant's connections came to; nothing where
// they were not read.
func writeRelations(out writer, relations *verdict.Relations) {
	if relations == nil {
		return
	}
	out.set(GroupSize, relations.Size)
	out.set(GroupExposure, int64(relations.Exposure))
	out.set(GroupArrears, relations.Arrears)
	out.setIf(relations.WorstDPD >= 0, GroupWorstDPD, relations.WorstDPD)
	out.set(GroupDeclines, relations.Declines)
	out.setIf(relations.SharedBps >= 0, SharedBuyers, int64(relations.SharedBps))
	out.set(RingScore, int64(relations.RingBps))
	out.set(RingMembers, relations.RingSize)
	out.set(BurstSize, relations.Burst)
}
