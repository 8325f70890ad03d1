import CKernels

/// A rotation of the factors of both sides, which changes neither scores nor the loss.
///
/// Conjugate gradients with a diagonal preconditioner converge faster the closer the row matrices are to diagonal. One step of orthogonal
/// iteration towards the eigenvectors of a Gramian (Golub and Van Loan, Matrix Computations, 8.2.4), repeated over a few half-steps,
/// brings them close enough.
struct Rotation {
  private let factors: Int
  /// Row j is the direction of the new factor j; `stride` floats per row.
  private let directions: AlignedBuffer

  /// - Parameter powers: number of multiplications by the Gramian.
  init(towardsEigenvectorsOf gramian: Gramian, powers: Int, kernels: Kernels) {
    factors = gramian.factors
    let stride = Kernels.padded(factors)
    directions = AlignedBuffer(count: stride * stride)
    for i in 0..<factors { directions.pointer[i * stride + i] = 1 }
    let whole = gramian.panels(scale: 1)
    let product = Product(stride: stride, kernels: kernels)
    for _ in 0..<powers {
      product.apply(whole, to: directions.pointer, rows: 0..<factors)
      orthonormalize(kernels)
    }
  }

  /// Orthonormalizes the rows by Gram-Schmidt, applied twice because one pass is not accurate for nearly parallel rows. A row that
  /// depends linearly on earlier rows is replaced by a unit vector.
  private func orthonormalize(_ kernels: Kernels) {
    let stride = Kernels.padded(factors)
    let count = Int32(stride)
    for row in 0..<factors {
      let current = directions.pointer + row * stride
      var restart = row
      while true {
        let before = kernels.dot(current, current, stride).squareRoot()
        for _ in 0..<2 {
          for other in 0..<row {
            let direction = directions.pointer + other * stride
            kernels.table.pointee.axpy(current, direction, -kernels.dot(current, direction, stride), count)
          }
        }
        let after = kernels.dot(current, current, stride).squareRoot()
        if after > 1e-4 * before, after.isNormal {
          for i in 0..<stride { current[i] /= after }
          break
        }
        current.update(repeating: 0, count: stride)
        current[restart % factors] = 1
        restart += 1
      }
    }
  }

  func apply(to matrix: inout FactorMatrix, pool: WorkerPool, kernels: Kernels) {
    let stride = matrix.stride
    let panels = SquarePanels.make(stride: stride) { $1 < factors ? directions.pointer[$1 * stride + $0] : 0 }
    let rows = matrix.rows
    matrix.withMutablePointer { pointer in
      let output = WorkerShared(pointer)
      pool.run(count: rows, chunk: 256) { range, _ in
        Product(stride: stride, kernels: kernels).apply(panels, to: output.value, rows: range)
      }
    }
  }

  /// Multiplies rows by a square matrix in place.
  private struct Product {
    let stride: Int
    let kernels: Kernels
    private static let rowsAtOnce = 64
    private var wide: Int { Int(freshet_wide(Int32(stride))) }

    init(stride: Int, kernels: Kernels) {
      self.stride = stride
      self.kernels = kernels
    }

    func apply(_ panels: AlignedBuffer, to matrix: UnsafeMutablePointer<Float>, rows: Range<Int>) {
      let result = AlignedBuffer(count: Self.rowsAtOnce * wide)
      var first = rows.lowerBound
      while first < rows.upperBound {
        let count = min(Self.rowsAtOnce, rows.upperBound - first)
        kernels.table.pointee.score_panels(
          panels.pointer, Int32(wide / Kernels.panel), Int32(stride), matrix + first * stride, Int32(stride), Int32(count), result.pointer,
          wide)
        for row in 0..<count { (matrix + (first + row) * stride).update(from: result.pointer + row * wide, count: stride) }
        first += count
      }
    }
  }
}
