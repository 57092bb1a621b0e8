"""What makes the course: running, reports, figures, quizzes, translations."""
