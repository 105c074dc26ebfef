package store

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"loan310/app/fault"
	"loan310/app/ident"
	"loan310/app/underwriting"
	"loan310/scoring/evidence"
)

// Codes of evidence that cannot be read.
const (
	CodeEvidenceCorrupt fault.Code = "evidence_corrupt"
	CodeSinkClosed      fault.Code = "evidence_sink_closed"
)

// Evidence gives the store of what sources said.
func (db *DB) Evidence() underwriting.EvidenceStore { return evidences{db} }

type evidences struct{ db *DB }

type evidenceRow struct {
	ID            string
	ApplicationID string
	Source        string
	State         string
	Hash          string
	RowCount      int64
	DataAsOf      moment
	FetchedAt     moment
	Cause         string
	Chunks        int
	PlainBytes    int64
	BegunAt       moment
	CommittedAt   moment
}

func (evidenceRow) TableName() string { return "evidence" }

func (r evidenceRow) domain() evidence.Meta {
	return evidence.Meta{
		Source: evidence.Source(r.Source), State: evidence.State(r.State), Ref: r.ID, Hash: r.Hash, Rows: r.RowCount,
		DataAsOf: r.DataAsOf.Time, FetchedAt: r.FetchedAt.Time, Cause: r.Cause,
	}
}

// Begin opens a sink. The database hears of it with the first full chunk.
func (s evidences) Begin(ctx context.Context, applicationID string, source evidence.Source) (underwriting.Sink, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("beginning evidence", err)
	}
	return newSink(ctx, s.db, evidenceRow{
		ID: ident.NewID(), ApplicationID: applicationID, Source: string(source), BegunAt: at(s.db.clock()),
	}), nil
}

// Latest gives the newest committed meta of each source, in the order of
// evidence.Sources.
func (s evidences) Latest(ctx context.Context, applicationID string) ([]evidence.Meta, error) {
	rows, err := gorm.G[evidenceRow](s.db.engine.reader()).
		Where("application_id = ? AND committed_at IS NOT NULL", applicationID).Order("committed_at DESC, id DESC").Find(ctx)
	if err != nil {
		return nil, failed("listing evidence", err)
	}
	var metas []evidence.Meta
	seen := map[string]bool{}
	for _, row := range rows {
		if !seen[row.Source] {
			seen[row.Source] = true
			metas = append(metas, row.domain())
		}
	}
	slices.SortStableFunc(metas, func(a, b evidence.Meta) int {
		return slices.Index(evidence.Sources[:], a.Source) - slices.Index(evidence.Sources[:], b.Source)
	})
	return metas, nil
}
