package runtime

// Handle is the number by which the host knows a resource. It is 0 once the resource was dropped or given away.
type Handle struct{ number int32 }

// MakeHandle holds a resource by its number.
func MakeHandle(number int32) *Handle {
	handle := new(Handle)
	handle.Set(number)
	return handle
}

// Use is the number, for a call that leaves the resource here.
func (handle *Handle) Use() int32 {
	if handle.number == 0 {
		panic("the resource was dropped, or given to the host by an earlier call")
	}
	return handle.number
}

// Take is the number, for a call that gives the resource away.
func (handle *Handle) Take() int32 {
	handle.Use()
	return handle.TakeOrNil()
}

// TakeOrNil is the same, but 0 where the resource is not here any more.
func (handle *Handle) TakeOrNil() int32 {
	number := handle.number
	handle.number = 0
	return number
}

// Set holds a resource where none is held.
func (handle *Handle) Set(number int32) {
	if number == 0 || handle.number != 0 {
		panic("a handle holds one resource at a time")
	}
	handle.number = number
}
