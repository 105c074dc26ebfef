package underwriting

import (
	"bufio"
	"context"
	"fmt"
	"iter"

	"loan310/app/fault"
	"loan310/scoring/evidence"
)

// SpotChecks is the evidence of single waybills asked from their carrier. It
// is no source of its own: its rows replace those of the logistics history.
const SpotChecks evidence.Source = "logistics_spot"

// bundle opens stored evidence as of the snapshot's moment.
func (s *Service) bundle(ctx context.Context, snapshot Snapshot) (evidence.Bundle, error) {
	metas := make(map[evidence.Source]evidence.Meta, len(snapshot.Evidence))
	for _, meta := range snapshot.Evidence {
		metas[meta.Source] = meta
	}
	spots := map[string]evidence.Waybill{}
	for row, err := range rows[evidence.Waybill](ctx, s, metas[SpotChecks]) {
		if err != nil {
			return evidence.Bundle{}, err
		}
		spots[row.No] = *row
	}
	delete(metas, SpotChecks)
	around, err := single[evidence.Relations](ctx, s, metas[evidence.OwnRelations])
	if err != nil {
		return evidence.Bundle{}, err
	}
	delete(metas, evidence.OwnRelations)
	bureau, err := single[evidence.BureauReport](ctx, s, metas[evidence.Bureau])
	if err != nil {
		return evidence.Bundle{}, err
	}
	registry, err := single[evidence.RegistryRecord](ctx, s, metas[evidence.Registry])
	if err != nil {
		return evidence.Bundle{}, err
	}
	return evidence.Bundle{
		AsOf: snapshot.AsOf, Meta: metas,
		Orders:       rows[evidence.Order](ctx, s, metas[evidence.Marketplace]),
		Waybills:     corrected(rows[evidence.Waybill](ctx, s, metas[evidence.Logistics]), spots),
		Transactions: rows[evidence.Transaction](ctx, s, metas[evidence.Bank]),
		Bills:        rows[evidence.UtilityBill](ctx, s, metas[evidence.Utility]),
		Bureau:       bureau, Registry: registry, Relations: around,
	}, nil
}

// corrected puts the carrier's own word in place of the history's where a
// waybill was spot-checked.
func corrected(history iter.Seq2[*evidence.Waybill, error], spots map[string]evidence.Waybill) iter.Seq2[*evidence.Waybill, error] {
	if len(spots) == 0 {
		return history
	}
	return func(yield func(*evidence.Waybill, error) bool) {
		for row, err := range history {
			if err == nil {
				if spot, ok := spots[row.No]; ok {
					row.Status, row.PickedUpAt, row.SignedAt, row.Scans = spot.Status, spot.PickedUpAt, spot.SignedAt, spot.Scans
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// longestRow bounds one stored row, in bytes.
const longestRow = 1 << 20

// rows reads one evidence row by row; the pointer is valid for one step.
func rows[T any](ctx context.Context, s *Service, meta evidence.Meta) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if meta.Ref == "" {
			return
		}
		if kept, ok := freshOf[T](s.fresh, meta.Ref); ok {
			var row T
			for i := range kept {
				if row = kept[i]; !yield(&row, nil) {
					return
				}
			}
			return
		}
		body, err := s.deps.Evidence.Open(ctx, meta.Ref)
		if err != nil {
			yield(nil, fmt.Errorf("open evidence %s: %w", meta.Ref, err))
			return
		}
		defer func() { _ = body.Close() }()
		lines := bufio.NewScanner(body)
		lines.Buffer(make([]byte, 16<<10), longestRow)
		var row T
		for lines.Scan() {
			row = *new(T)
			if err := s.deps.DecodeRow(lines.Bytes(), &row); err != nil {
				yield(nil, fmt.Errorf("read evidence %s: %w", meta.Ref, err))
				return
			}
			if !yield(&row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("read evidence %s: %w", meta.Ref, err))
		}
	}
}

// single reads an evidence of one row; nil when there is none.
func single[T any](ctx context.Context, s *Service, meta evidence.Meta) (*T, error) {
	for row, err := range rows[T](ctx, s, meta) {
		if err != nil {
			return nil, err
		}
		return row, nil
	}
	if meta.Ref != "" && meta.State == evidence.Known {
		return nil, fault.New(fault.Internal, fault.CodeInternal, "evidence %s is empty", meta.Ref)
	}
	return nil, nil //nolint:nilnil // no row is a state of its own: the source has nothing
}
