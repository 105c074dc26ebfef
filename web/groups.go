package web

import (
	"context"
	"time"

	"loan310/app/underwriting"
)

type groupReviewView struct {
	ID           string    `json:"id"`
	GroupID      string    `json:"group_id" doc:"The smallest merchant id of the group."`
	Members      []string  `json:"members" doc:"Merchant ids."`
	FoundBy      string    `json:"found_by" doc:"The merchant whose relations were read."`
	Action       string    `json:"action" enum:"lower,freeze,alert" doc:"What the strategy says is done."`
	LimitFen     int64     `json:"limit_fen" doc:"What the group may be committed to."`
	CommittedFen int64     `json:"committed_fen" doc:"What it was committed to: lines and offers."`
	LoweredFen   int64     `json:"lowered_fen" doc:"Taken from limits that were not drawn."`
	LeftFen      int64     `json:"left_fen" doc:"Still above the limit: drawn, or on offer."`
	Frozen       int       `json:"frozen" doc:"Lines on which nobody draws any more."`
	FoundAt      time.Time `json:"found_at"`
}

type groupReviewsView struct {
	Items      []groupReviewView `json:"items" doc:"Newest first."`
	NextCursor string            `json:"next_cursor,omitempty" doc:"Absent at the end."`
}

type groupReviewsRequest struct{ Paged }

func (s *server) groupReviews(ctx context.Context, _ Principal, in *groupReviewsRequest) (*body[groupReviewsView], error) {
	found, next, err := s.Underwriting.GroupReviews(ctx, underwriting.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	view := groupReviewsView{Items: make([]groupReviewView, len(found)), NextCursor: next}
	for i := range found {
		r := &found[i]
		view.Items[i] = groupReviewView{
			ID: r.ID, GroupID: r.GroupID, Members: r.Members, FoundBy: r.FoundBy, Action: string(r.Action), LimitFen: int64(r.Limit),
			CommittedFen: int64(r.Committed), LoweredFen: int64(r.Lowered), LeftFen: int64(r.Left()), Frozen: r.Frozen, FoundAt: r.FoundAt,
		}
	}
	return &body[groupReviewsView]{view}, nil
}
