// Package types has what Go lacks of the types of the interface: options, results and tuples.
package types

// The tags of an Option and of a Result, as they cross to the host and back.
const (
	OptionNone = 0
	OptionSome = 1
	ResultOk   = 0
	ResultErr  = 1
)

// Option is a value, or none.
type Option[T any] struct {
	value T
	some  bool
}

// Some is an option with a value.
func Some[T any](value T) Option[T] { return Option[T]{value, true} }

// None is an option without one.
func None[T any]() Option[T] { return Option[T]{} }

// IsSome says whether there is a value.
func (option Option[T]) IsSome() bool { return option.some }

// IsNone says whether there is none.
func (option Option[T]) IsNone() bool { return !option.some }

// Some is the value; it panics where there is none.
func (option Option[T]) Some() T {
	if !option.some {
		panic("this option has no value: ask IsSome first")
	}
	return option.value
}

// SomeOr is the value, or this one where there is none.
func (option Option[T]) SomeOr(otherwise T) T {
	if option.some {
		return option.value
	}
	return otherwise
}

// Tag is OptionSome or OptionNone.
func (option Option[T]) Tag() uint8 {
	if option.some {
		return OptionSome
	}
	return OptionNone
}

// Result is what a call gave, or how it failed.
type Result[T, E any] struct {
	ok     T
	err    E
	failed bool
}

// Ok is the result of a call that succeeded.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{ok: value} }

// Err is the result of a call that failed.
func Err[T, E any](failure E) Result[T, E] { return Result[T, E]{err: failure, failed: true} }

// IsOk says whether the call succeeded.
func (result Result[T, E]) IsOk() bool { return !result.failed }

// IsErr says whether the call failed.
func (result Result[T, E]) IsErr() bool { return result.failed }

// Ok is what the call gave; it panics where the call failed.
func (result Result[T, E]) Ok() T {
	if result.failed {
		panic("the call failed: ask IsErr first")
	}
	return result.ok
}

// Err is how the call failed; it panics where it succeeded.
func (result Result[T, E]) Err() E {
	if !result.failed {
		panic("the call succeeded: ask IsErr first")
	}
	return result.err
}

// Tag is ResultOk or ResultErr.
func (result Result[T, E]) Tag() uint8 {
	if result.failed {
		return ResultErr
	}
	return ResultOk
}

// Tuple2 is two values.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// Unit is no value: that of a call that gives none.
type Unit struct{}
