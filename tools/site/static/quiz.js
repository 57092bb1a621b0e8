// A quiz: the first answer to a question counts, and shows what there is to say of it.
document.querySelectorAll("form.quiz").forEach((quiz) => {
  quiz.classList.add("live");
  const questions = [...quiz.querySelectorAll("fieldset")];
  quiz.addEventListener("change", (event) => {
    const question = event.target.closest("fieldset");
    event.target.closest(".answer").classList.add("open");
    question.dataset.right ??= event.target.dataset.correct;
    const answered = questions.filter((each) => each.dataset.right);
    const right = answered.filter((each) => each.dataset.right === "true");
    quiz.querySelector(".score").value =
      answered.length === questions.length ? `✓ ${right.length}/${questions.length}` : "";
  });
});
