#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

// Readable names for functions of the C library.
func logarithm(_ x: Double) -> Double { log(x) }
func cosine(_ x: Double) -> Double { cos(x) }
func power(_ x: Double, _ y: Double) -> Double { y == 1 ? x : pow(x, y) }
public func naturalLogarithm(_ x: Float) -> Float { logf(x) }
public func exponential(_ x: Float) -> Float { expf(x) }
public func exponential2(_ x: Double) -> Double { exp2(x) }
