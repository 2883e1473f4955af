// Package export_landing_extractor_entry is what the host calls; it hands over to what `landing.Export` was given.
package export_landing_extractor_entry

import (
	"errors"

	"landing-sdk/wit/types"
)

// Run does one run; `landing.Export` sets it.
var Run = func() error { return errors.New("nothing was given to landing.Export") }

// Extract does one run.
func Extract() types.Result[types.Unit, string] {
	if err := Run(); err != nil {
		return types.Err[types.Unit](err.Error())
	}
	return types.Ok[types.Unit, string](types.Unit{})
}
