package underwriting

import (
	"context"
	"fmt"
	"time"

	"loan310/app/audit"
	"loan310/app/ident"
	"loan310/app/money"
	"loan310/scoring"
	"loan310/scoring/relations"
)

// GroupReview is what was found, and done, when merchants that hold lines
// turned out to be connected and together committed to more than a group may
// be.
type GroupReview struct {
	ID        string
	GroupID   string   // the smallest merchant id
	Members   []string // by id
	FoundBy   string   // the merchant whose relations were read
	Action    relations.Excess
	Limit     money.Amount // what the group may be committed to
	Committed money.Amount // what it was committed to: lines and offers
	Lowered   money.Amount // taken from limits that were not drawn
	Frozen    int          // lines
	FoundAt   time.Time
}

// Left is by how much the group is still over its limit: drawn already, or on
// offer.
func (r *GroupReview) Left() money.Amount { return r.Committed - r.Lowered - r.Limit }

// Groups keeps what is done about merchants found connected after they hold
// lines.
type Groups interface {
	// Hold locks a group's merchants, sums up afresh what they are committed
	// to and, where two of them or more hold lines and it is more than the
	// rule allows (its thin-file limit when every line was given in that
	// lane), stores a review and does to the lines what the rule says; false
	// where there is nothing to do or it was done before. Of a review ID,
	// Action, Limit, Committed, Lowered and Frozen are the store's.
	Hold(ctx context.Context, review GroupReview, rule relations.GroupRule, actor audit.Actor) (GroupReview, bool, error)
	// Reviews lists reviews, newest first.
	Reviews(ctx context.Context, page Page) ([]GroupReview, string, error)
	// Seen lists merchants of which an identifier was first seen at or after a
	// moment, by id, those after an id, at most limit.
	Seen(ctx context.Context, since time.Time, after string, limit int) ([]string, error)
}

// ReviewGroup reads a merchant's group as of now and holds it to its limit.
func (s *Service) ReviewGroup(ctx context.Context, merchantID string) (GroupReview, bool, error) {
	if s.deps.Relations == nil || s.deps.Groups == nil || s.deps.GroupRules == nil {
		return GroupReview{}, false, nil
	}
	around, err := s.deps.Relations.Around(ctx, merchantID, "", s.deps.Now())
	if err != nil {
		return GroupReview{}, false, err
	}
	return s.holdGroup(ctx, merchantID, relations.Assess(s.deps.GroupRules, around))
}

func (s *Service) holdGroup(ctx context.Context, merchantID string, group *scoring.Relations) (GroupReview, bool, error) {
	if group == nil || group.Size < 2 {
		return GroupReview{}, false, nil
	}
	now := s.deps.Now()
	review, held, err := s.deps.Groups.Hold(ctx, GroupReview{
		GroupID: group.GroupID, Members: group.Members, FoundBy: merchantID, FoundAt: now,
	}, s.deps.GroupRules.Group, audit.System("groups"))
	if err != nil {
		return GroupReview{}, false, fmt.Errorf("review the group of merchant %s: %w", merchantID, err)
	}
	if held {
		s.deps.Logger.WarnContext(ctx, "connected merchants over their limit", "merchant_id", merchantID,
			"members", len(review.Members), "lowered_fen", int64(review.Lowered), "left_fen", int64(review.Left()), "frozen", review.Frozen)
	}
	return review, held, nil
}

// afterDecision looks at the group a decision found: this applicant may be
// what connects others. A failure is made up for by ReviewGroups.
func (s *Service) afterDecision(ctx context.Context, d *Decision) {
	if s.deps.Groups == nil || s.deps.GroupRules == nil {
		return
	}
	if _, _, err := s.holdGroup(ctx, d.MerchantID, d.Verdict.Relations); err != nil {
		s.deps.Logger.WarnContext(ctx, "group not reviewed", "application_id", d.ApplicationID, "error", err)
	}
}

// reviewPage bounds the merchants read at once.
const reviewPage = 200

// ReviewGroups reviews the groups of all merchants of which an identifier was
// first seen since a moment, and gives how many reviews it stored. Several
// processes may do so at once: one of them finds what there is to do.
func (s *Service) ReviewGroups(ctx context.Context, since time.Time) (int, error) {
	if s.deps.Relations == nil || s.deps.Groups == nil || s.deps.GroupRules == nil {
		return 0, nil
	}
	found := 0
	for after := ""; ; {
		list, err := s.deps.Groups.Seen(ctx, since, after, reviewPage)
		if err != nil {
			return found, err
		}
		for _, merchantID := range list {
			_, held, err := s.ReviewGroup(ctx, merchantID)
			if err != nil {
				return found, err
			}
			if held {
				found++
			}
		}
		if len(list) < reviewPage {
			return found, nil
		}
		after = list[len(list)-1]
	}
}

// GroupReviews lists what was found of connected merchants, newest first.
func (s *Service) GroupReviews(ctx context.Context, page Page) ([]GroupReview, string, error) {
	if s.deps.Groups == nil {
		return nil, "", nil
	}
	return s.deps.Groups.Reviews(ctx, page)
}

// GroupReviewID follows from the members and what they were committed to, so
// that the same finding is stored once.
func GroupReviewID(members []string, committed, limit money.Amount) string {
	return ident.DerivedID(append([]string{"group_review", committed.String(), limit.String()}, members...)...)
}
