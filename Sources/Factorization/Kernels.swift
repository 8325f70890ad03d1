import CKernels

/// One variant of the numeric kernels: a table of C functions, selected at run time.
///
/// `@unchecked Sendable` is sound because the table is a constant.
public struct Kernels: @unchecked Sendable {
  let table: UnsafePointer<freshet_kernels_t>

  /// Rows of factors are padded with zeros to a multiple of this many floats.
  public static let pad = Int(FRESHET_PAD)
  /// Items per panel of `ItemPanels`.
  static let panel = Int(FRESHET_PANEL)

  /// The fastest variant that this processor supports.
  public static let best = Kernels(table: freshet_kernels())

  /// The variant `avx512`, `avx2` or `plain`; `nil` if this processor does not support it.
  public static func named(_ name: String) -> Kernels? { freshet_kernels_named(name).map(Kernels.init(table:)) }

  public static var available: [Kernels] { ["plain", "avx2", "avx512"].compactMap(named) }

  public var name: String { String(cString: table.pointee.name) }

  /// Rounds `factors` up to a multiple of `pad`.
  public static func padded(_ factors: Int) -> Int { (factors + pad - 1) / pad * pad }

  func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ padded: Int) -> Float { table.pointee.dot(a, b, Int32(padded)) }
}
