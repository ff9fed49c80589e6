package env

import (
	"slices"
	"testing"
)

// What is emitted while the last outputs are being performed comes with the
// next Drain, and does not touch them.
func TestOutputs(t *testing.T) {
	var o Outputs[int]
	if len(o.Drain()) != 0 {
		t.Fatal("an empty one has outputs")
	}
	n := 0
	for round := range 5 {
		for range 3 {
			o.Emit(n)
			n++
		}
		got := o.Drain()
		o.Emit(n)
		n++
		if want := 4*round + 2; got[len(got)-1] != want {
			t.Fatalf("round %d: %v, want the last to be %d", round, got, want)
		}
		if round > 0 && got[0] != 4*round-1 || !slices.IsSorted(got) {
			t.Fatalf("round %d: %v", round, got)
		}
	}
}

// A burst leaves no room behind, and a slice that was handed over is not held.
func TestOutputsGiveBack(t *testing.T) {
	var o Outputs[*int]
	for range 2 * keptOutputs {
		o.Emit(new(int))
	}
	o.Drain()
	o.Drain()
	o.Drain()
	if cap(o.next) > keptOutputs || cap(o.last) > keptOutputs {
		t.Fatalf("room for %d and %d is kept", cap(o.next), cap(o.last))
	}
	o.Emit(new(int))
	held := o.Drain()
	o.Drain()
	o.Drain()
	if held[0] != nil {
		t.Fatal("an output of long ago is still held")
	}
}

// Steps do not allocate for the slices.
func TestOutputsAllocateOnce(t *testing.T) {
	var o Outputs[int]
	if n := testing.AllocsPerRun(1000, func() {
		for i := range 8 {
			o.Emit(i)
		}
		o.Drain()
	}); n != 0 {
		t.Fatalf("%v allocations for each Drain", n)
	}
}
