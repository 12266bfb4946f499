// Package simulation plays an installation for days in seconds: nodes, people, sources of prices and all that goes wrong between them,
// from one number.
//
// It owns the world around the services (a clock, a bus, sources, a way to the store, all of which fail as the seed says), people who
// use them, and a checker that knows nothing of the services and is simpler than they are. The services are the real ones, and so is
// the store under them: the mistakes that matter most are made in SQL. It is made of tests only and is no part of the product.
//
// A seed decides who does what when, and what fails for whom, down to the single call: the fate of a call follows from the seed, the
// node, the operation, what it is about and the moment, so that it doesn't matter which goroutine comes first. Time is
// that of testing/synctest: nothing happens between two moments, and a day takes as long as its work: about a second. What a seed doesn't decide is
// what Go decides within one moment: which of several ready goroutines, or branches of a select, goes first. Whatever comes of that is
// checked all the same, and what a trail is made of doesn't depend on it: TestASeedReplays holds a seed against itself.
//
// Not simulated: the HTTP side (whose way with idempotency keys node.handle follows), the queue of jobs itself (each node tries each slot, and
// a list stands for its messages), households, history, currencies, rules of portfolios. A clock jumps by minutes or an hour in a quarter of the
// seeds; such a node owns nothing meanwhile, and all is held to the letter but the labels of age that it shows itself.
//
// A day costs 2.3 s of one core (measured over twenty days), so that a year of 52,560 slots takes about fourteen minutes: it is SQL that
// takes them, a third of it the engines' looks at their partitions, a quarter the file's encryption.
//
// That it finds what is wrong was tried by breaking the product by hand. So many of the first seeds found it:
//
//	a voided activity leaves no audit row                 6 of 6
//	the answer under an idempotency key isn't kept        6 of 6
//	a change is answered before it is stored              6 of 6
//	sums of money in binary floating point                6 of 6
//	prices grow stale after 60 minutes instead of 21      2 of 6
//	alerts are settled without fence and version          2 of 30
//	a cursor is saved before what it is about is settled  8 of 40
//
// docs/mutants.md has those that are made again and again.
package simulation
