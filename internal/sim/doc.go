// Package sim is a deterministic network for tests: named nodes, virtual time
// and IP datagrams that are delayed, lost, duplicated, reordered or cut off as
// a test asks. Everything happens on the caller's goroutine, in the order of
// one event heap; the same seed gives the same bytes at the same instants.
//
//	net := sim.New(1, start)
//	net.Conditions(sim.Conditions{Latency: 5 * time.Millisecond, Loss: 0.1})
//	net.Add("KS", server, netip.MustParseAddr("192.168.1.254"))
//	net.Add("R2", member, netip.MustParseAddr("192.168.1.2"))
//	net.RunFor(10 * time.Hour)
//	t.Log(net.Ladder(50))
//
// A Node is a protocol machine with its surroundings. It is rebuilt by Boot
// when it is added and after each Crash and Restart; what it kept with
// Host.Store survives, as a disk would.
package sim
