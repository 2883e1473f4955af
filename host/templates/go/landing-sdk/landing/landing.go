// Package landing has helpers for extractors: errors with words, typed parameters, pages as an iterator.
//
// The packages below `wit` are the interface itself; `host wit` says what each function means.
package landing

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	entry "landing-sdk/wit/export_landing_extractor_entry"
	// What the host calls is in the program because of this.
	_ "landing-sdk/wit/exports"
	http "landing-sdk/wit/landing_extractor_http"
	run "landing-sdk/wit/landing_extractor_run"
	zone "landing-sdk/wit/landing_extractor_zone"
	"landing-sdk/wit/runtime"
	"landing-sdk/wit/types"
)

// Error is what failed, in one sentence.
type Error struct {
	What, Message string
	// Code is the same in words that never change.
	Code string
	// Status is what the server answered with, where that was the failure.
	Status uint16
}

func (failure *Error) Error() string { return failure.What + ": " + failure.Message }

// Quiet makes a call of the host during which no garbage is collected. A collection asks for the time, and nothing may be
// asked of the host while it hands over a result: the run would trap. Call what is in the packages below `wit` through it.
func Quiet[T any](call func() T) T {
	runtime.CollectIfDue()
	before := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(before)
	return call()
}

func param(name string) types.Option[string] {
	return Quiet(func() types.Option[string] { return run.Param(name) })
}

// Export says what one run does; its error ends the run with its text.
func Export(function func() error) { entry.Run = function }

// Param is a parameter that has to be set.
func Param(name string) (string, error) {
	if value := param(name); value.IsSome() {
		return value.Some(), nil
	}
	return "", fmt.Errorf("the parameter `%s` is not set: give it by `--param %s=VALUE`", name, name)
}

// ParamInt is a parameter as a number, or what it is where it is not set.
func ParamInt(name string, otherwise int) (int, error) {
	value := param(name)
	if value.IsNone() {
		return otherwise, nil
	}
	number, err := strconv.Atoi(value.Some())
	if err != nil {
		return 0, fmt.Errorf("the parameter `%s` cannot be %q: it is no number", name, value.Some())
	}
	return number, nil
}

// Info writes to the run's log.
func Info(format string, values ...any) { run.Log(run.Level_Info, fmt.Sprintf(format, values...)) }

// Cursor is what the newest checkpoint kept; empty where there was none.
func Cursor() string { return Quiet(run.Cursor).SomeOr("") }

// Checkpoint says that all before this cursor has landed.
func Checkpoint(cursor string) { run.Checkpoint(types.Some(cursor)) }

// Fetch is the body of a GET; a status that is no success is an error.
func Fetch(address string) ([]byte, error) {
	fetched := Quiet(func() types.Result[*http.Response, http.Error] { return http.Fetch(http.MakeRequest(address)) })
	if fetched.IsErr() {
		return nil, &Error{What: address, Message: fetched.Err().Message, Code: fetched.Err().Code}
	}
	response := fetched.Ok()
	if status := response.Status(); status < 200 || status > 299 {
		response.Drop()
		return nil, &Error{address, fmt.Sprintf("the server answered with status %d", status), "status", status}
	}
	body := Quiet(func() types.Result[[]byte, http.Error] { return http.ResponseBytes(response) })
	if body.IsErr() {
		return nil, &Error{What: address, Message: body.Err().Message, Code: body.Err().Code}
	}
	return body.Ok(), nil
}

// Page is a page's bytes, and the cursor behind it; empty behind the last.
type Page struct {
	Body   []byte
	Cursor string
}

// Pages are the pages of an API whose answers name the next one: `{"items": [...], "next": "a-cursor"}`.
func Pages(address, after string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		for {
			page := address
			if after != "" {
				separator := "?"
				if strings.Contains(address, "?") {
					separator = "&"
				}
				page += separator + "after=" + strings.ReplaceAll(url.QueryEscape(after), "+", "%20")
			}
			body, err := Fetch(page)
			var answer struct{ Next string }
			if err == nil {
				err = json.Unmarshal(body, &answer)
			}
			after = answer.Next
			if !yield(Page{body, after}, err) || err != nil || after == "" {
				return
			}
		}
	}
}

// Source is one directory of the landing zone.
type Source struct {
	name   string
	source *zone.Source
}

// OpenSource opens one; without a name it is the extractor's own.
func OpenSource(name string) (*Source, error) {
	if name == "" {
		name = Quiet(run.Name)
	}
	opened := Quiet(func() types.Result[*zone.Source, zone.Error] { return zone.SourceOpen(name) })
	if opened.IsErr() {
		return nil, &Error{What: name, Message: opened.Err().Message, Code: opened.Err().Code}
	}
	return &Source{name, opened.Ok()}, nil
}

// Mirror has the host fetch a URL and land what it holds, if it is new.
func (source *Source) Mirror(address, extension string) (zone.Receipt, error) {
	return receipt(address, func() landed { return source.source.Mirror(http.MakeRequest(address), slot(extension)) })
}

// Land lands content that the extractor made.
func (source *Source) Land(content []byte, extension string) (zone.Receipt, error) {
	return receipt(source.name, func() landed { return source.source.LandBytes(content, slot(extension)) })
}

func slot(extension string) zone.Slot {
	return zone.Slot{Extension: extension, Date: types.None[zone.Date]()}
}

type landed = types.Result[zone.Receipt, zone.Error]

func receipt(what string, call func() landed) (zone.Receipt, error) {
	result := Quiet(call)
	if result.IsErr() {
		failure := result.Err()
		return zone.Receipt{}, &Error{what, failure.Message, failure.Code, failure.Status.SomeOr(0)}
	}
	return result.Ok(), nil
}
