import CKernels

/// The layout of a square matrix for `score_panels`: panels of 32 columns, indexed [panel][row][lane].
enum SquarePanels {
  static func make(stride: Int, _ element: (_ row: Int, _ column: Int) -> Float) -> AlignedBuffer {
    let result = AlignedBuffer(count: Int(freshet_wide(Int32(stride))) * stride)
    for column in 0..<stride {
      for row in 0..<stride {
        result.pointer[(column / Kernels.panel * stride + row) * Kernels.panel + column % Kernels.panel] = element(row, column)
      }
    }
    return result
  }
}
