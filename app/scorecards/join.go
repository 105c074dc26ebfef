package scorecards

import (
	"context"
	"os"

	"loan310/adapters/tabular"
	"loan310/scoring/model"
)

// Join writes a file with columns added from other files, as a JSON spec says.
// It gives the number of rows. Errors as Train.
func Join(ctx context.Context, data, spec, out string) (int, error) {
	body, err := os.ReadFile(spec)
	if err != nil {
		return 0, refused("spec", err)
	}
	var parsed tabular.JoinSpec
	if err := model.DecodeStrict(body, &parsed); err != nil {
		return 0, refused(spec, err)
	}
	file, err := create(out)
	if err != nil {
		return 0, err
	}
	defer file.drop()
	rows, err := tabular.JoinFiles(ctx, data, &parsed, file)
	if err != nil {
		return 0, blame(ctx, data, err)
	}
	return rows, file.commit()
}
