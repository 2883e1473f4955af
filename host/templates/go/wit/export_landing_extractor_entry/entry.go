// Package export_landing_extractor_entry is what the host calls; it hands over to what `landing.Export` was given.
package export_landing_extractor_entry

import (
	"extractor/landing"
	"extractor/wit/types"
)

// Extract does one run.
func Extract() types.Result[types.Unit, string] {
	if err := landing.Run(); err != nil {
		return types.Err[types.Unit](err.Error())
	}
	return types.Ok[types.Unit, string](types.Unit{})
}
