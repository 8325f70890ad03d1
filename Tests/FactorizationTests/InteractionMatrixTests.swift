import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct InteractionMatrixTests {
  @Test func entriesStandInTheRowThatWasEndedAfterThem() {
    let matrix = InteractionMatrix(columns: 5, rows: [[(4, 1), (0, -2)], [], [(2, 3)]])
    #expect(matrix.rows == 3)
    #expect(matrix.entries == 3)
    #expect(matrix.starts == [0, 2, 2, 3])
    #expect(matrix.indices == [4, 0, 2])
    #expect(matrix.strengths == [1, -2, 3])
  }

  @Test func theTransposedMatrixHasTheEntriesByColumn() {
    let transposed = InteractionMatrix(columns: 4, rows: [[(0, 1), (3, 2)], [], [(0, 3), (2, -4)]]).transposed()
    #expect(transposed.columns == 3)
    #expect(transposed.starts == [0, 2, 2, 3, 4])
    #expect(transposed.indices == [0, 2, 2, 0])
    #expect(transposed.strengths == [1, 3, -4, 2])
  }

  @Test(arguments: UInt64(1)...5) func twiceTransposedIsTheMatrixItself(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let (rows, columns) = (Int.random(in: 0...40, using: &random), Int.random(in: 0...40, using: &random))
    let matrix = random.matrix(rows: rows, columns: columns, density: 0.15, strengths: 0.1...5, dislikes: 0.2)
    let back = matrix.transposed().transposed()
    #expect(back.columns == matrix.columns, "\(random)")
    #expect(back.starts == matrix.starts, "\(random)")
    #expect(back.indices == matrix.indices, "\(random)")
    #expect(back.strengths == matrix.strengths, "\(random)")
  }

  @Test func aMatrixWithAnUnfinishedRowCannotBeTransposed() async {
    await #expect(processExitsWith: .failure) {
      var matrix = InteractionMatrix(columns: 2, rows: [[(1, 5)]])
      matrix.append(column: 0, strength: 9)
      _ = matrix.transposed()
    }
  }
}
