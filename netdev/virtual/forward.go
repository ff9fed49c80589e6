package virtual

import "gvisor.dev/gvisor/pkg/tcpip/stack"

// forwardGuard keeps netstack from forwarding by a header that is no longer its
// own.
//
// A packet's bytes lie in chunks from a pool that all stacks of the process
// share; a chunk goes back to it with the last view of it. To forward, netstack
// (ipv4.endpoint.forwardPacketWithRoute) takes a slice of the header, makes a
// deep copy of the packet, and reads the TTL from the slice. Making the copy
// moves the packet to a fresh chunk and releases the one that the slice points
// into. A stack that takes it from the pool in that moment overwrites the TTL
// that the first is about to send: 255 for a chunk just cleared.
//
// Between the slice and the copy netstack asks its packet filter. This filter
// accepts everything, and takes one more view of the header, never released, so
// that the chunk is left to the garbage collector.
type forwardGuard struct{}

var _ stack.NFTablesInterface = forwardGuard{}

// CheckForward is asked about every packet to forward, by the goroutine that
// forwards it.
func (forwardGuard) CheckForward(pkt *stack.PacketBuffer, _ *stack.Route, _ stack.AddressFamily) bool {
	pkt.NetworkHeader().View()
	return true
}

func (forwardGuard) CheckPrerouting(*stack.PacketBuffer, *stack.Route, stack.AddressFamily) bool {
	return true
}

func (forwardGuard) CheckInput(*stack.PacketBuffer, *stack.Route, stack.AddressFamily) bool {
	return true
}

func (forwardGuard) CheckOutput(*stack.PacketBuffer, *stack.Route, stack.AddressFamily) bool {
	return true
}

func (forwardGuard) CheckPostrouting(*stack.PacketBuffer, *stack.Route, stack.AddressFamily) bool {
	return true
}

func (forwardGuard) CheckIngress(*stack.PacketBuffer, *stack.Route, stack.AddressFamily) bool {
	return true
}

func (forwardGuard) CheckEgress(*stack.PacketBuffer, *stack.Route, stack.AddressFamily) bool {
	return true
}
