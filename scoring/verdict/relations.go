package verdict

import (
	"loan310/app/money"
	"loan310/scoring/evidence"
)

// Relations is what a merchant's connections came to. It names merchants by
// id and identifiers by the first digits of a keyed hash: no personal data.
type Relations struct {
	GroupID   string                  `json:"group_id"`             // the smallest merchant id of the group
	Size      int64                   `json:"size"`                 // merchants of the group, the applicant included; 1 = alone
	Members   []string                `json:"members"`              // by id, the applicant included
	Links     []RelationLink          `json:"links"`                // what joined the group, strongest first, at most 50
	Ignored   []RelationIgnored       `json:"ignored"`              // identifiers too many share, by kind
	Exposure  money.Amount            `json:"exposure_fen"`         // committed to the whole group, the applicant included
	Limit     money.Amount            `json:"limit_fen,omitempty"`  // what the group may owe together, in this lane; 0 = alone
	Arrears   int64                   `json:"arrears"`              // other members past due now or defaulted
	Defaults  int64                   `json:"defaults"`             // loans of other members that turned bad
	WorstDPD  int64                   `json:"worst_dpd"`            // of other members, ever; -1 = none ever borrowed
	Declines  int64                   `json:"declines_30d"`         // of other members
	SharedBps money.BasisPoints       `json:"shared_buyers_bps"`    // of the applicant's orders, from customers shared in the group; -1 = not known
	RingBps   money.BasisPoints       `json:"ring_score_bps"`       // 0 = nothing, 10,000 = a closed circle
	RingSize  int64                   `json:"ring_size"`            // members with customers in common
	Mutual    int64                   `json:"mutual,omitempty"`     // members that buy from another member
	Burst     int64                   `json:"burst_72h"`            // merchants of the largest burst the application is part of; 0 = none
	BurstKind evidence.IdentifierKind `json:"burst_kind,omitempty"` // what they have in common
	Truncated bool                    `json:"truncated,omitempty"`  // the neighbourhood is larger than what was read
}

// RelationLink is one kind of identifier that two members share.
type RelationLink struct {
	A      string                  `json:"a"`
	B      string                  `json:"b"`
	Kind   evidence.IdentifierKind `json:"kind"`
	Weight int64                   `json:"weight"`
	Count  int64                   `json:"count"`  // identifiers of the kind between the two
	Degree int64                   `json:"degree"` // merchants that carry the strongest of them
	Ref    string                  `json:"ref"`    // first digits of its keyed hash
}

// RelationIgnored counts identifiers of the applicant's neighbourhood that too
// many merchants share to connect them.
type RelationIgnored struct {
	Kind      evidence.IdentifierKind `json:"kind"`
	Count     int64                   `json:"count"`
	MaxDegree int64                   `json:"max_degree"` // largest seen, counted up to 65
}
