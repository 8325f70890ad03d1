#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

func log1pOf(_ x: Double) -> Double { log1p(x) }
func log2Of(_ x: Double) -> Double { log2(x) }
