// Package runtime is what the generated bindings call: memory that the host reads and writes, and handles of resources.
package runtime

import (
	"runtime"
	"unsafe"
)

// call pins what belongs to the call of the host in progress. The bindings unpin it once they have read the results.
// There is one at a time: all of Go stands still while the host is at work.
var call *runtime.Pinner

// Allocate gives a call memory that stays where it is until the call has ended.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	call = pinner
	pointer := allocate(size, align)
	pinner.Pin(pointer)
	return pointer
}

// allocate makes memory in which the garbage collector looks for no pointers.
func allocate(size, align uintptr) unsafe.Pointer {
	if align == 1 {
		return unsafe.Pointer(unsafe.SliceData(make([]byte, size)))
	}
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
}

// clockPaused has WASI answer with the time it told last. The garbage collector asks for the time whenever it starts,
// and nothing may be asked of the host while it hands over a result.
//
//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func clockPaused(paused bool)

// realloc makes room for a result of the call in progress. The host calls it for strings and lists; it never asks for
// more room in the same place.
//
//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if old != nil || call == nil {
		panic("the host asks for memory that belongs to no call")
	}
	clockPaused(true)
	handed += size
	pointer := allocate(size, align)
	call.Pin(pointer)
	clockPaused(false)
	return pointer
}

// handed counts the bytes that the host handed over, and room is what CollectIfDue makes.
var (
	handed uintptr
	room   []byte
)

// CollectIfDue has the garbage collector see whether it is time. It looks whenever Go makes something large; where the
// host makes all that is large, while no garbage is collected, it would look too late.
func CollectIfDue() {
	if handed > 1<<20 {
		handed, room = 0, make([]byte, 64<<10)
	}
}

// adapter is the memory of what stands between Go, which knows WASI's first version, and the host: 64 KiB as its stack
// and 64 KiB for its state. It takes them while Go itself still starts and cannot allocate, and keeps them.
var (
	adapter [3 * 64 << 10]byte
	taken   uintptr
)

//go:wasmexport cabi_realloc_adapter
func reallocAdapter(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	start := uintptr(unsafe.Pointer(&adapter))
	from := (start+taken+align-1)&^(align-1) - start
	if old != nil || from+size > uintptr(len(adapter)) {
		panic("WASI's adapter asks for more memory than there is for it")
	}
	taken = from + size
	return unsafe.Add(unsafe.Pointer(&adapter), from)
}
