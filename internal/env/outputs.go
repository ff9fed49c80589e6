package env

// keptOutputs is how many outputs a machine keeps room for: what a burst
// needed beyond them is given back.
const keptOutputs = 256

// Outputs is what a machine wants done, in order. Its zero value is empty. It
// has two slices that it fills in turn, because a machine steps thousands of
// times a second and each step ends in a few outputs.
type Outputs[T any] struct{ next, last []T }

// Emit puts some at the end.
func (o *Outputs[T]) Emit(x ...T) { o.next = append(o.next, x...) }

// Drain hands over what was emitted since the last Drain. The slice is good
// until the next Drain.
func (o *Outputs[T]) Drain() []T {
	if cap(o.last) > keptOutputs {
		o.last = nil
	}
	clear(o.last)
	o.next, o.last = o.last[:0], o.next
	return o.last
}
