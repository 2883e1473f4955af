// Package export_landing_extractor_entry mirrors the parameter `url`, and lands a line of its own making.
package export_landing_extractor_entry

import (
	"fmt"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"wit_component/landing_extractor_http"
	"wit_component/landing_extractor_run"
	"wit_component/landing_extractor_zone"
)

// Extract is what the host calls.
func Extract() witTypes.Result[witTypes.Unit, string] {
	url := landing_extractor_run.Param("url")
	if url.IsNone() {
		return witTypes.Err[witTypes.Unit, string]("set the parameter `url`")
	}
	opened := landing_extractor_zone.SourceOpen(landing_extractor_run.Name())
	if opened.IsErr() {
		return witTypes.Err[witTypes.Unit, string](opened.Err().Message)
	}
	source := opened.Ok()
	slot := func(extension string) landing_extractor_zone.Slot {
		return landing_extractor_zone.Slot{Extension: extension, Date: witTypes.None[landing_extractor_zone.Date]()}
	}
	mirrored := source.Mirror(landing_extractor_http.MakeRequest(url.Some()), slot("csv"))
	if mirrored.IsErr() {
		return witTypes.Err[witTypes.Unit, string](mirrored.Err().Message)
	}
	made := fmt.Sprintf("made by %s: %d bytes\n", landing_extractor_run.Name(), mirrored.Ok().Size)
	landed := source.LandBytes([]byte(made), slot("txt"))
	if landed.IsErr() {
		return witTypes.Err[witTypes.Unit, string](landed.Err().Message)
	}
	return witTypes.Ok[witTypes.Unit, string](witTypes.Unit{})
}
